"""Image classifier-free guidance: away from what the plain model would draw.

Source: Chang et al. 2024, section 3.3; the released settings call the first mode
``controlnet_important``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

PredictNoise = Callable[[Tensor, int, Sequence[int]], Tensor]  # latents, timestep, frames -> noise


def guide(
    conditional: PredictNoise, unconditional: PredictNoise | None, scale: float
) -> PredictNoise:
    """Join two halves: ``eps_u + scale (eps_c - eps_u)``.

    Args:
        conditional: Sees appearance, pose and text.
        unconditional: In ``image_cfg`` the plain model with the same text; in
            ``balance`` appearance and pose with another text. None, or scale 1, runs the
            conditional half alone.
        scale: 7 in the paper.
    """
    if unconditional is None or scale == 1:
        return conditional
    plain = unconditional

    def guided(latents: Tensor, timestep: int, frames: Sequence[int]) -> Tensor:
        without = plain(latents, timestep, frames)
        return without + scale * (conditional(latents, timestep, frames) - without)

    return guided
