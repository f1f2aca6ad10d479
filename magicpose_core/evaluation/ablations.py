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

from ..images import signed_to_unit
from ..models.denoiser import MagicPoseDenoiser
from ..pipeline import SamplingConfig, render
from ..weights.loading import MagicPoseModels


@dataclass(frozen=True, kw_only=True)
class Cases:
    """People to render, each with a reference and one pose.

    Attributes:
        references: (B, 3, H, W) in [-1, 1].
        pose_maps: B maps (H, W, 3) uint8.
    """

    references: Tensor
    pose_maps: Sequence[NDArray[np.uint8]]


Renderer = Callable[[MagicPoseModels, Cases, SamplingConfig], Tensor]  # -> (B, 3, H, W) in [0, 1]


def render_cases(models: MagicPoseModels, cases: Cases, config: SamplingConfig) -> Tensor:
    """Render all people of a batch together: row b sees reference b."""
    together = replace(config, frames_per_batch=len(cases.pose_maps))
    return torch.stack(list(render(models, cases.references, cases.pose_maps, together)))


def _copy_reference(models: MagicPoseModels, cases: Cases, config: SamplingConfig) -> Tensor:
    return signed_to_unit(cases.references)


def _without_appearance(models: MagicPoseModels, cases: Cases, config: SamplingConfig) -> Tensor:
    denoiser = MagicPoseDenoiser(models.denoiser.unet, None, models.denoiser.pose)
    return render_cases(replace(models, denoiser=denoiser), cases, config)


def _without_pose(models: MagicPoseModels, cases: Cases, config: SamplingConfig) -> Tensor:
    denoiser = MagicPoseDenoiser(models.denoiser.unet, models.denoiser.appearance, None)
    return render_cases(replace(models, denoiser=denoiser), cases, config)


def _other_reference(models: MagicPoseModels, cases: Cases, config: SamplingConfig) -> Tensor:
    return render_cases(models, replace(cases, references=cases.references.roll(1, 0)), config)


def _without_guidance(models: MagicPoseModels, cases: Cases, config: SamplingConfig) -> Tensor:
    return render_cases(models, cases, replace(config, guidance_scale=1.0))


MODEL = "model"
RENDERERS: Mapping[str, Renderer] = {
    MODEL: render_cases,
    "copy of the reference": _copy_reference,
    "guidance 1": _without_guidance,
    "without appearance": _without_appearance,
    "without pose": _without_pose,
    "another's reference": _other_reference,
}
