"""The sampling loop: timesteps outside, windows of frames inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import NotFiniteError
from .guidance import PredictNoise
from .schedules import alphas_cumprod, remove_noise
from .settings import BetaSchedule
from .steppers import Stepper
from .windows import Windows

FreshNoise = Callable[[Tensor], Tensor]  # latents -> standard normal noise of their shape


@dataclass(frozen=True, kw_only=True)
class SamplingStep:
    """A step that is done, for progress and previews.

    Attributes:
        done: Steps done.
        total: Steps in all.
        timestep: That the step began at, 999..0.
        latents: (F, 4, h, w) after the step, in the stepper's own scale.
        inputs: (F, 4, h, w) that the networks saw, of variance 1.
        noise: (F, 4, h, w) that was predicted in them.
        beta_schedule: Of the sampling.
    """

    done: int
    total: int
    timestep: int
    latents: Tensor
    inputs: Tensor
    noise: Tensor
    beta_schedule: BetaSchedule = "scaled_linear"

    def clean(self) -> Tensor:
        """Guess what the clip will be, (F, 4, h, w) scaled latents: what a preview decodes."""
        alpha = float(alphas_cumprod(self.beta_schedule)[self.timestep])
        return remove_noise(self.inputs, self.noise, alpha)


OnSamplingStep = Callable[[SamplingStep], None]


@torch.no_grad()
def denoise(
    predict: PredictNoise,
    noise: Tensor,
    stepper: Stepper,
    windows: Windows,
    fresh_noise: FreshNoise,
    on_step: OnSamplingStep | None = None,
    beta_schedule: BetaSchedule = "scaled_linear",
) -> Tensor:
    """Turn noise into latents.

    Args:
        predict: Predicts the noise of some frames at a timestep.
        noise: (F, 4, h, w) standard normal, float32; it is not changed.
        stepper: The scheduler.
        windows: Which frames go through the networks together.
        fresh_noise: Draws for steppers that add noise, see ``noise.drawing``.
        on_step: Called after each step; what it raises ends the sampling.
        beta_schedule: Of the stepper.

    Returns:
        (F, 4, h, w) scaled latents, float32.

    Raises:
        NotFiniteError: A prediction is not finite.
    """
    latents = noise * stepper.first_scale
    unchecked: list[tuple[int, Tensor]] = []
    for position, timestep in enumerate(stepper.timesteps):
        inputs = stepper.scale(latents, position)
        cuts = windows.over(noise.shape[0], position)
        predicted = _predict_clip(predict, inputs, timestep, cuts)
        unchecked.append((timestep, torch.isfinite(predicted).all()))
        # a GPU is asked about a step when the next one is under way, so that it never waits
        _check_finite(unchecked, leave=int(latents.is_cuda))
        fresh = fresh_noise(latents) if stepper.adds_noise(position) else None
        latents = stepper.step(predicted, position, latents, fresh)
        if on_step is not None:
            on_step(
                SamplingStep(
                    done=position + 1,
                    total=len(stepper.timesteps),
                    timestep=timestep,
                    latents=latents,
                    inputs=inputs,
                    noise=predicted,
                    beta_schedule=beta_schedule,
                )
            )
    _check_finite(unchecked, leave=0)
    return latents


def _check_finite(unchecked: list[tuple[int, Tensor]], *, leave: int) -> None:
    """Check the oldest of the steps that were not checked yet, all but ``leave``."""
    while len(unchecked) > leave:
        timestep, finite = unchecked.pop(0)
        if not finite:
            raise NotFiniteError(
                f"the prediction at timestep {timestep} is not finite; check the reference and "
                "the weights, or run in another dtype (bf16 or fp32)"
            )


def _predict_clip(
    predict: PredictNoise, latents: Tensor, timestep: int, cuts: Sequence[Sequence[int]]
) -> Tensor:
    total = torch.zeros_like(latents)
    counts = latents.new_zeros(latents.shape[0])
    for frames in cuts:
        rows = list(frames)
        total[rows] += predict(latents[rows], timestep, frames)
        counts[rows] += 1
    return total / counts.reshape(-1, 1, 1, 1)
