"""Image classifier-free guidance: away from what the plain model would draw.

Source: Chang et al. 2024, section 3.3; the released settings call the first mode
``controlnet_important``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

PredictNoise = Callable[[Tensor, int, Sequence[int]], Tensor]  # latents, timestep, frames -> noise
# What a timestep computes: both halves; the conditional one, with the last difference between the
# two carried over; or the conditional one alone.
Part = Literal["both", "carried", "alone"]


def guide(
    conditional: PredictNoise,
    unconditional: PredictNoise | None,
    scale: float,
    plan: Mapping[int, Part] | None = None,
) -> PredictNoise:
    """Join two halves: ``eps_u + scale (eps_c - eps_u)``.

    Args:
        conditional: Sees appearance, pose and text.
        unconditional: In ``image_cfg`` the plain model with the same text; in
            ``balance`` appearance and pose with another text. None, or scale 1, runs the
            conditional half alone.
        scale: 7 in the paper.
        plan: Timestep -> what is computed, see :func:`plan_guidance`; None computes both halves
            throughout. What is carried over are latents, 64 KB per frame at 512 x 512.
    """
    if unconditional is None or scale == 1:
        return conditional
    plain, parts = unconditional, plan or {}
    carried: dict[int, Tensor] = {}  # frame -> (4, h, w), conditional minus unconditional noise
    carries = "carried" in parts.values()

    def guided(latents: Tensor, timestep: int, frames: Sequence[int]) -> Tensor:
        noise = conditional(latents, timestep, frames)
        part = parts.get(timestep, "both")
        if part == "alone":
            return noise
        if part == "carried":
            return noise + (scale - 1) * torch.stack([carried[frame] for frame in frames])
        without = plain(latents, timestep, frames)
        difference = noise - without
        if carries:
            carried.update(zip(frames, difference, strict=True))
        return without + scale * difference

    return guided


def plan_guidance(
    timesteps: Sequence[int], *, start: float = 0.0, stop: float = 1.0, every: int = 1
) -> dict[int, Part]:
    """Lay out what each timestep computes.

    Args:
        timesteps: In the order of sampling.
        start: Share of the steps after which guidance begins, 0..1.
        stop: Share of the steps at which it ends, 0..1. Source: Kynkaanniemi et al. 2024.
        every: Both halves are computed in every so many of the guided steps, the first included;
            those between carry the difference over.
    """
    count = len(timesteps)
    guided = [t for step, t in enumerate(timesteps) if start * count <= step < stop * count]
    plan: dict[int, Part] = dict.fromkeys(timesteps, "alone")
    for number, timestep in enumerate(guided):
        plan[timestep] = "carried" if number % every else "both"
    return plan
