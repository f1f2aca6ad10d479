"""What ComfyUI hands to wrappers and nodes, typed as far as this pack touches it.

ComfyUI's own annotations end at its rim: conditions and options are dicts of anything, and models
know their ControlNets by duck. Fields that are listed here exist in every ComfyUI from 0.8.0 on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypedDict

import comfy.model_patcher
from torch import Tensor

Cond = dict[str, Any]  # one condition, as ComfyUI's samplers keep it
Conds = list[Cond] | None  # one half of guidance
Options = dict[str, Any]  # transformer_options
ModelOptions = dict[str, Any]  # of a MODEL, its transformer_options among them
Conditioning = list[list[Any]]  # CONDITIONING: pairs of an embedding (1, L, C) and settings


class Latent(TypedDict, total=False):
    """LATENT.

    Attributes:
        samples: (B, 4, h, w) unscaled latents.
        batch_index: For each of them, which noise of the seed it starts from.
        noise_mask: (B, 1, H, W), 1 where something is sampled.
    """

    samples: Tensor
    batch_index: list[int]
    noise_mask: Tensor


class ControlNet(Protocol):
    """CONTROL_NET: a network and its hints, one link of a chain."""

    cond_hint: Tensor | None
    cond_hint_original: Tensor | None
    previous_controlnet: ControlNet | None

    def copy(self) -> ControlNet:
        """Copy the link; the network is shared."""

    def set_cond_hint(
        self, cond_hint: Tensor, strength: float, timestep_percent_range: tuple[float, float]
    ) -> ControlNet:
        """Set hint, strength and range of this link, and return it."""

    def set_previous_controlnet(self, controlnet: ControlNet | None) -> ControlNet:
        """Put another link before this one, and return this one."""


class Denoiser(Protocol):
    """The model inside a MODEL, as samplers step it."""

    def memory_required(self, input_shape: Sequence[int]) -> float:
        """Estimate the bytes that a pass over latents of this shape takes."""


class Guider(Protocol):
    """What combines the halves of guidance and calls the sampler."""

    conds: Mapping[str, Conds]
    inner_model: Denoiser
    model_patcher: comfy.model_patcher.ModelPatcher


class NoiseLevels(Protocol):
    """The ``model_sampling`` of a MODEL."""

    def sigma(self, timestep: Tensor) -> Tensor:
        """Give the noise levels of timesteps."""
