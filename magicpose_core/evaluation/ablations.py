"""The model, what is left of it without a part, and the baseline that needs no model.

Source of the ablations: Chang et al. 2024, tables 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..images import from_uint8, signed_to_unit
from ..models.denoiser import Conditioning, MagicPoseDenoiser
from ..pipeline import SamplingSettings, check_inputs, decode_frames, encode_reference
from ..sampling.denoise import denoise
from ..sampling.guidance import PredictNoise, guide
from ..sampling.noise import draw_noise, start_noise
from ..sampling.steppers import make_stepper
from ..sampling.windows import FrameWindows
from ..weights.loading import MagicPoseModels


@dataclass(frozen=True, kw_only=True)
class Cases:
    """People to render, each with a reference and one pose.

    Attributes:
        references: (B, 3, H, W) in [-1, 1].
        others: As many pictures of other people.
        pose_maps: B maps (H, W, 3) uint8.
    """

    references: Tensor
    others: Tensor
    pose_maps: Sequence[NDArray[np.uint8]]


Renderer = Callable[[MagicPoseModels, Cases, SamplingSettings], Tensor]  # -> (B, 3, H, W) in [0, 1]


def render_cases(models: MagicPoseModels, cases: Cases, settings: SamplingSettings) -> Tensor:
    """Render all people of a batch together: row b sees reference b.

    ``pipeline.render`` shows all its references to every frame, as pictures of one person; this is
    the same sampling for many people with a frame each.
    """
    check_inputs(cases.references, cases.pose_maps)
    text = models.text.empty_prompt()
    reference_latents = encode_reference(models, cases.references, settings)
    hints = None
    if models.denoiser.pose is not None:
        hints = models.denoiser.pose.embed(from_uint8(np.stack(cases.pose_maps)).to(text))
    noise, generators = start_noise(
        reference_latents,
        len(cases.pose_maps),
        seed=settings.seed,
        shared_noise=settings.shared_noise,
    )
    latents = denoise(
        guide(
            _controlled(models.denoiser, reference_latents, hints, text),
            models.denoiser.prepare(Conditioning(text=text)),
            settings.guidance_scale,
        ),
        noise,
        make_stepper(settings.scheduler, settings.steps, settings.eta),
        FrameWindows(len(cases.pose_maps)),
        lambda clip: draw_noise(clip, generators),
    )
    return torch.stack(list(decode_frames(models, latents)))


def _controlled(
    denoiser: MagicPoseDenoiser, reference_latents: Tensor, hints: Tensor | None, text: Tensor
) -> PredictNoise:
    def predict(latents: Tensor, timestep: int, frames: Sequence[int]) -> Tensor:
        inputs = latents.to(text)
        step = torch.tensor(timestep, device=text.device)
        rows = text.expand(len(latents), -1, -1)
        features = residuals = None
        if denoiser.appearance is not None:
            features = denoiser.appearance(reference_latents.to(text), step, rows)
        if denoiser.pose is not None and hints is not None:
            residuals = denoiser.pose(inputs, step, rows, hints)
        noise = denoiser(inputs, step, rows, features=features, residuals=residuals)
        return noise.to(latents)

    return predict


def _copy_reference(models: MagicPoseModels, cases: Cases, settings: SamplingSettings) -> Tensor:
    return signed_to_unit(cases.references)


def _without_appearance(
    models: MagicPoseModels, cases: Cases, settings: SamplingSettings
) -> Tensor:
    denoiser = MagicPoseDenoiser(models.denoiser.unet, None, models.denoiser.pose)
    return render_cases(replace(models, denoiser=denoiser), cases, settings)


def _without_pose(models: MagicPoseModels, cases: Cases, settings: SamplingSettings) -> Tensor:
    denoiser = MagicPoseDenoiser(models.denoiser.unet, models.denoiser.appearance, None)
    return render_cases(replace(models, denoiser=denoiser), cases, settings)


def _other_reference(models: MagicPoseModels, cases: Cases, settings: SamplingSettings) -> Tensor:
    return render_cases(models, replace(cases, references=cases.others), settings)


def _without_guidance(models: MagicPoseModels, cases: Cases, settings: SamplingSettings) -> Tensor:
    return render_cases(models, cases, replace(settings, guidance_scale=1.0))


MODEL = "model"
RENDERERS: Mapping[str, Renderer] = {
    MODEL: render_cases,
    "copy of the reference": _copy_reference,
    "guidance 1": _without_guidance,
    "without appearance": _without_appearance,
    "without pose": _without_pose,
    "another's reference": _other_reference,
}
