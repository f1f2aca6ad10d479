"""Betas, timesteps, and noise put into latents and taken out of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from .settings import BETAS, TRAINING_STEPS, BetaSchedule


def betas(schedule: BetaSchedule = "scaled_linear") -> NDArray[np.float64]:
    """Give 1000 betas, in float64 as the authors do.

    Args:
        schedule: SD 1.5's are linear in their square roots (``scaled_linear``), AnimateDiff's are
            ``linear``.
    """
    if schedule == "linear":
        return np.linspace(*BETAS, TRAINING_STEPS, dtype=np.float64)
    return np.linspace(BETAS[0] ** 0.5, BETAS[1] ** 0.5, TRAINING_STEPS, dtype=np.float64) ** 2


def alphas_cumprod(schedule: BetaSchedule = "scaled_linear") -> NDArray[np.float64]:
    """Give the share of the signal's variance left at each timestep, as rounded in checkpoints."""
    return np.cumprod(1.0 - betas(schedule)).astype(np.float32).astype(np.float64)


def add_noise(
    latents: Tensor,
    noise: Tensor,
    timesteps: Tensor,
    schedule: BetaSchedule = "scaled_linear",
) -> Tensor:
    """Diffuse clean latents to timesteps, row by row.

    Args:
        latents: (B, 4, h, w), scaled.
        noise: Standard normal of the same shape.
        timesteps: () or (B,) integer, 0..999.
        schedule: Of the betas.
    """
    signal, rest = (
        table[timesteps.to(latents.device)].reshape(-1, 1, 1, 1)
        for table in amplitudes(schedule, latents.device, latents.dtype)
    )
    return signal * latents + rest * noise


@lru_cache(maxsize=8)
def amplitudes(
    schedule: BetaSchedule, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Give how large signal and noise are at each timestep, (1000,) each.

    They stay on their device: a GPU would be waited for at each copy.
    """
    with torch.inference_mode(mode=False):  # or else a later training step could not use them
        alphas = torch.from_numpy(alphas_cumprod(schedule))  # Apple's MPS has no float64
        return alphas.sqrt().to(device, dtype), (1 - alphas).sqrt().to(device, dtype)


def remove_noise(latents: Tensor, noise: Tensor, alpha: float) -> Tensor:
    """Guess the clean latents: the inverse of :func:`add_noise` where ``alphas_cumprod`` is alpha.

    Args:
        latents: (B, 4, h, w) of variance 1.
        noise: What is in them, as it is predicted.
        alpha: Share of the signal's variance, above 0.
    """
    return (latents - (1 - alpha) ** 0.5 * noise) / alpha**0.5


def ddim_timesteps(steps: int) -> list[int]:
    """Give the authors' DDIM timesteps, falling: 981, 961, ..., 1 for 50.

    They divide 1000 by the number of steps with the rest cut off, so some numbers give more steps
    than asked for: 7 gives 8 and 30 gives 31.

    Raises:
        InputError: ``steps`` is not in 1..999.
    """
    if not 1 <= steps < TRAINING_STEPS:
        raise InputError(f"steps must be in 1..{TRAINING_STEPS - 1}, got {steps}")
    rising = range(1, TRAINING_STEPS, TRAINING_STEPS // steps)
    return list(reversed(rising))


def leading_timesteps(steps: int) -> list[int]:
    """Give ``steps`` falling timesteps as SD 1.5 spaces them: evenly, the last one being 1."""
    stride = TRAINING_STEPS // steps
    return [1 + stride * index for index in reversed(range(steps))]
