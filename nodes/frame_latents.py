"""The latents that a clip starts from, and how much of their noise the frames share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.model_management
import torch
from torch import Tensor

from ..magicpose_core.errors import InputError
from ..magicpose_core.models.sd15 import LATENT_STRIDE, SIZE_MULTIPLE
from .comfy_types import Guider, Latent


def empty_latent(frames: int, height: int, width: int, *, shared_noise: float) -> Latent:
    """Make the LATENT of a clip; ComfyUI draws the noise of each ``batch_index`` from the seed.

    Args:
        frames: F.
        height: Pixels.
        width: Pixels.
        shared_noise: 1 lets all frames start from one noise, 0 each from its own; between them the
            sampler also needs :func:`noise_wrapper`.

    Raises:
        InputError: There are no frames, or the size is no multiple of 8 pixels.
    """
    if frames < 1:
        raise InputError("pose_maps has no frames; connect at least one pose map")
    if height % LATENT_STRIDE or width % LATENT_STRIDE:
        raise InputError(
            f"pose maps must have sides of a multiple of {LATENT_STRIDE} pixels, got "
            f"{width}x{height}; draw or scale them to multiples of {SIZE_MULTIPLE}, best to 512x512"
        )
    samples = torch.zeros(
        frames,
        4,
        height // LATENT_STRIDE,
        width // LATENT_STRIDE,
        device=comfy.model_management.intermediate_device(),
    )
    first = 0 if shared_noise == 0 else 1  # apart from the common noise, which is number 0
    own = list(range(first, first + frames))
    return {"samples": samples, "batch_index": [0] * frames if shared_noise == 1 else own}


def noise_wrapper(shared_noise: float) -> Callable[..., Tensor]:
    """Make the wrapper (SAMPLER_SAMPLE) that mixes the frames' own noise with a common one."""

    def run(
        sample: Callable[..., Tensor],
        guider: Guider,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: object,
        noise: Tensor,
        *more: object,
        **named: object,
    ) -> Tensor:
        if noise.any():  # else this sampler adds none
            noise = mix_noise(noise, shared_noise, extra_args.get("seed") or 0)
        return sample(guider, sigmas, extra_args, callback, noise, *more, **named)

    return run


def mix_noise(own: Tensor, shared_noise: float, seed: int) -> Tensor:
    """Give frames a common part of their noise; they stay standard normal.

    Args:
        own: (F, C, h, w) noise of each frame.
        shared_noise: Share of the variance that is common, 0 to 1.
        seed: Of the common noise, which is the first that ComfyUI draws from it.
    """
    common = torch.randn(1, *own.shape[1:], generator=torch.Generator().manual_seed(seed))
    return shared_noise**0.5 * common.to(own) + (1 - shared_noise) ** 0.5 * own
