"""Pictures to latents and back, in the scale that the U-Net works in."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from ..errors import InputError
from .sd15 import LATENT_SCALE

_log = logging.getLogger("magicpose")


def encode(vae: AutoencoderKL, images: Tensor, noise: Tensor | None) -> Tensor:
    """Encode pictures.

    Args:
        vae: The autoencoder.
        images: (B, 3, H, W) in [-1, 1].
        noise: (B, 4, H / 8, W / 8) standard normal to draw the posterior's sample with, which is
            what the authors do; None takes the posterior's mean.

    Returns:
        (B, 4, H / 8, W / 8) scaled latents, float32.

    Raises:
        InputError: The result is not finite, in float32 neither.
    """
    moments = _run(
        vae, images, lambda inputs: vae.encode(inputs).latent_dist.parameters, "reference picture"
    )
    mean, log_variance = moments.chunk(2, dim=1)
    if noise is None:
        return mean * LATENT_SCALE
    deviation = torch.exp(0.5 * log_variance.clamp(-30, 20))
    return (mean + deviation * noise.to(mean)) * LATENT_SCALE


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Decode latents.

    Args:
        vae: The autoencoder.
        latents: (B, 4, h, w), scaled.

    Returns:
        (B, 3, 8 h, 8 w) float32 pictures, about [-1, 1], not clipped.

    Raises:
        InputError: The result is not finite, in float32 neither.
    """
    return _run(vae, latents / LATENT_SCALE, lambda inputs: vae.decode(inputs).sample, "latents")


def _run(
    vae: AutoencoderKL, inputs: Tensor, network: Callable[[Tensor], Tensor], what: str
) -> Tensor:
    """Run a half of the autoencoder; one that overflows in float16 is run again in float32."""
    result = network(inputs.to(vae.device, vae.dtype)).float()
    if not torch.isfinite(result).all() and vae.dtype == torch.float16:
        _log.warning("the VAE overflowed in float16; running it in float32 instead")
        vae.float()
        try:
            result = network(inputs.to(vae.device, torch.float32))
        finally:
            vae.half()
    if not torch.isfinite(result).all():
        raise InputError(
            f"the VAE turned the {what} into NaN or infinity; check the input and the VAE's "
            "weights, or run in float32 (--dtype fp32)"
        )
    return result
