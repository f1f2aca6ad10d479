"""The sampling loop: timesteps outside, windows of frames inside."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import InputError
from .guidance import PredictNoise
from .noise import Generators
from .schedules import Stepper
from .windows import FrameWindows

OnSamplingStep = Callable[[int, int], None]  # steps done, steps in all


@torch.no_grad()
def denoise(
    predict: PredictNoise,
    noise: Tensor,
    stepper: Stepper,
    windows: FrameWindows,
    generators: Generators,
    on_step: OnSamplingStep | None = None,
) -> Tensor:
    """Turn noise into latents.

    Args:
        predict: Predicts the noise of some frames at a timestep.
        noise: (F, 4, h, w) standard normal, float32; it is not changed.
        stepper: The scheduler.
        windows: How many frames go through the networks at a time.
        generators: One a frame, for steppers that add noise.
        on_step: Called after each step; what it raises ends the sampling.

    Returns:
        (F, 4, h, w) scaled latents, float32.

    Raises:
        InputError: A prediction is not finite.
    """
    latents = noise * stepper.first_scale
    cuts = windows.over(noise.shape[0])
    for position, timestep in enumerate(stepper.timesteps):
        inputs = stepper.scale(latents, position)
        predicted = _predict_clip(predict, inputs, timestep, cuts)
        if not torch.isfinite(predicted).all():
            raise InputError(
                f"the prediction at timestep {timestep} is not finite; check the reference and "
                "the weights, or run in another precision (--dtype bf16 or fp32)"
            )
        latents = stepper.step(predicted, position, latents, generators)
        if on_step is not None:
            on_step(position + 1, len(stepper.timesteps))
    return latents


def _predict_clip(
    predict: PredictNoise, latents: Tensor, timestep: int, cuts: list[range]
) -> Tensor:
    total = torch.zeros_like(latents)
    counts = latents.new_zeros(latents.shape[0])
    for frames in cuts:
        rows = slice(frames.start, frames.stop)
        total[rows] += predict(latents[rows], timestep, frames)
        counts[rows] += 1
    return total / counts.reshape(-1, 1, 1, 1)
