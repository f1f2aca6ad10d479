"""Pictures to latents and back, in the scale that the U-Net works in."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from ..errors import NotFiniteError
from .posterior import sample_posterior
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
        NotFiniteError: The result is not finite, in float32 neither.
    """
    return sample_posterior(encode_moments(vae, images), noise) * LATENT_SCALE


def encode_moments(vae: AutoencoderKL, images: Tensor) -> Tensor:
    """Encode pictures (B, 3, H, W) in [-1, 1] -> the posterior's moments (B, 8, h, w), float32.

    Raises:
        NotFiniteError: The result is not finite, in float32 neither.
    """
    moments = _moments(vae, images)
    if not moments.isfinite().all() and vae.dtype == torch.float16:
        moments = _moments(float32_copy(vae), images)
    return _finite(moments, "picture")


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Decode latents.

    Args:
        vae: The autoencoder.
        latents: (B, 4, h, w), scaled.

    Returns:
        (B, 3, 8 h, 8 w) float32 pictures, about [-1, 1], not clipped.

    Raises:
        NotFiniteError: The result is not finite, in float32 neither.
    """
    (pictures,) = decode_each(vae, (latents,))
    return pictures


def decode_each(vae: AutoencoderKL, batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Decode batches of latents one after the other, see :func:`decode`.

    A batch that overflows in float16 is decoded again by a copy in float32, made once; the
    autoencoder itself stays as it is.
    """
    precise: AutoencoderKL | None = None
    for latents in batches:
        pictures = _pictures(vae, latents)
        if not pictures.isfinite().all() and vae.dtype == torch.float16:
            precise = precise or float32_copy(vae)
            pictures = _pictures(precise, latents)
        yield _finite(pictures, "latents")


def float32_copy(vae: AutoencoderKL) -> AutoencoderKL:
    """Copy an autoencoder that overflows in float16, and say so."""
    _log.warning("the VAE overflowed in float16; running it in float32 instead")
    return copy.deepcopy(vae).float()


def _moments(vae: AutoencoderKL, images: Tensor) -> Tensor:
    return vae.encode(images.to(vae.device, vae.dtype)).latent_dist.parameters.float()


def _pictures(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    return vae.decode((latents / LATENT_SCALE).to(vae.device, vae.dtype)).sample.float()


def _finite(result: Tensor, what: str) -> Tensor:
    if not result.isfinite().all():
        raise NotFiniteError(
            f"the VAE turned the {what} into NaN or infinity; check the input and the VAE's "
            "weights, or run in float32 (dtype fp32)"
        )
    return result
