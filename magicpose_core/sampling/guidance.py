"""Image classifier-free guidance: away from what the plain model would draw.

Source: Chang et al. 2024, section 3.3; the released settings call the first mode
``controlnet_important``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from torch import Tensor

PredictNoise = Callable[[Tensor, int, Sequence[int]], Tensor]  # latents, timestep, frames -> noise


def guide(
    conditional: PredictNoise,
    unconditional: PredictNoise | None,
    scale: float,
    guided_at: Collection[int] | None = None,
) -> PredictNoise:
    """Join two halves: ``eps_u + scale (eps_c - eps_u)``.

    Args:
        conditional: Sees appearance, pose and text.
        unconditional: In ``image_cfg`` the plain model with the same text; in
            ``balance`` appearance and pose with another text. None, or scale 1, runs the
            conditional half alone.
        scale: 7 in the paper.
        guided_at: Timesteps with both halves, see :func:`guided_timesteps`; in the others the
            conditional half runs alone. None guides throughout.
    """
    if unconditional is None or scale == 1:
        return conditional
    plain = unconditional

    def guided(latents: Tensor, timestep: int, frames: Sequence[int]) -> Tensor:
        noise = conditional(latents, timestep, frames)
        if guided_at is not None and timestep not in guided_at:
            return noise
        without = plain(latents, timestep, frames)
        return without + scale * (noise - without)

    return guided


def guided_timesteps(timesteps: Sequence[int], *, start: float, stop: float) -> frozenset[int]:
    """Choose the timesteps at which guidance works.

    Args:
        timesteps: In the order of sampling.
        start: Share of the steps after which guidance begins, 0..1.
        stop: Share of the steps at which it ends, 0..1. Source: Kynkaanniemi et al. 2024.
    """
    count = len(timesteps)
    return frozenset(t for step, t in enumerate(timesteps) if start * count <= step < stop * count)
