"""The model, what is left of it without a part, the baseline that needs no model, and the ceiling.

Source of the ablations: Chang et al. 2024, tables 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..images import signed_to_unit, unit_to_signed
from ..models import vae
from ..models.denoiser import MagicPoseDenoiser
from ..pipeline import MagicPosePipeline
from ..sampling.settings import SamplingSettings


@dataclass(frozen=True, kw_only=True)
class Cases:
    """People to render, each with a reference and one pose.

    Attributes:
        references: (B, 3, H, W) in [0, 1].
        truths: As many: what a perfect model would make.
        others: As many pictures of other people.
        pose_maps: B maps (H, W, 3) uint8.
    """

    references: Tensor
    truths: Tensor
    others: Tensor
    pose_maps: Sequence[NDArray[np.uint8]]


Renderer = Callable[
    [MagicPosePipeline, Cases, SamplingSettings], Tensor
]  # -> (B, 3, H, W) in [0, 1]


def render_cases(pipeline: MagicPosePipeline, cases: Cases, settings: SamplingSettings) -> Tensor:
    """Render all people of a batch, each from their own picture.

    They go through the networks together, unless a motion module takes frames for one clip: then
    each is a clip of one frame.
    """
    people = len(cases.pose_maps)
    height, width = cases.references.shape[-2:]
    at_once = people if pipeline.models.denoiser.motion is None else 1
    frames: list[Tensor] = []
    for start in range(0, people, at_once):
        rows = slice(start, start + at_once)
        clip = pipeline.render(
            cases.references[rows],
            cases.pose_maps[rows],
            size=(width, height),
            settings=settings,
            reference_per_frame=at_once > 1,
        )
        frames += clip.tensors()
    return torch.stack(frames)


def _copy_reference(
    pipeline: MagicPosePipeline, cases: Cases, settings: SamplingSettings
) -> Tensor:
    return cases.references


def _round_trip(pipeline: MagicPosePipeline, cases: Cases, settings: SamplingSettings) -> Tensor:
    return torch.cat([round_trip(pipeline, truth[None]) for truth in cases.truths])


@torch.no_grad()
def round_trip(pipeline: MagicPosePipeline, pictures: Tensor) -> Tensor:
    """Encode and decode pictures (B, 3, H, W) in [0, 1]: what no model behind it gets above."""
    network = pipeline.models.vae
    signed = unit_to_signed(pictures).to(pipeline.device, pipeline.dtype)
    return signed_to_unit(vae.decode(network, vae.encode(network, signed, None))).cpu()


def _without_appearance(
    pipeline: MagicPosePipeline, cases: Cases, settings: SamplingSettings
) -> Tensor:
    models = pipeline.models
    denoiser = MagicPoseDenoiser(models.denoiser.unet, None, models.denoiser.pose)
    return render_cases(MagicPosePipeline(replace(models, denoiser=denoiser)), cases, settings)


def _without_pose(pipeline: MagicPosePipeline, cases: Cases, settings: SamplingSettings) -> Tensor:
    models = pipeline.models
    denoiser = MagicPoseDenoiser(models.denoiser.unet, models.denoiser.appearance, None)
    return render_cases(MagicPosePipeline(replace(models, denoiser=denoiser)), cases, settings)


def _other_reference(
    pipeline: MagicPosePipeline, cases: Cases, settings: SamplingSettings
) -> Tensor:
    return render_cases(pipeline, replace(cases, references=cases.others), settings)


def _without_guidance(
    pipeline: MagicPosePipeline, cases: Cases, settings: SamplingSettings
) -> Tensor:
    return render_cases(pipeline, cases, replace(settings, guidance_scale=1.0))


MODEL, ROUND_TRIP = "model", "round trip of the truth"
RENDERERS: Mapping[str, Renderer] = {
    MODEL: render_cases,
    ROUND_TRIP: _round_trip,
    "copy of the reference": _copy_reference,
    "guidance 1": _without_guidance,
    "without appearance": _without_appearance,
    "without pose": _without_pose,
    "another's reference": _other_reference,
}
