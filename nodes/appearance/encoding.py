"""Pictures of the reference -> latents and mask at the size that the appearance model reads."""

from __future__ import annotations

import comfy.model_management
import comfy.sd
import torch
import torch.nn.functional as F
from torch import Tensor

from ...magicpose_core import images as core_images
from ...magicpose_core.errors import InputError
from ...magicpose_core.models.posterior import sample_posterior, split_moments
from ...magicpose_core.models.sd15 import LATENT_STRIDE, SIZE_MULTIPLE
from ...magicpose_core.sampling.noise import draw_noise
from .. import bridge
from ..autoencoder_progress import autoencoder_progress


def reference_size(height: int, width: int, size: int, *, square: bool) -> tuple[int, int]:
    """Bring a picture's height and width to a shorter side of ``size`` pixels (0: its own).

    Returns:
        Height and width, multiples of 64.
    """
    shorter = min(height, width)
    scale = (size or shorter) / shorter
    sides = (shorter, shorter) if square else (height, width)
    height, width = (
        max(SIZE_MULTIPLE, round(side * scale / SIZE_MULTIPLE) * SIZE_MULTIPLE) for side in sides
    )
    return height, width


def encode_latents(
    vae: comfy.sd.VAE, pictures: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Encode (B, 3, H, W) in [0, 1] as unscaled latents (B, 4, H/8, W/8).

    Args:
        vae: ComfyUI's VAE.
        pictures: What to encode.
        generator: Draws from the autoencoder's distribution; None takes the mean.
    """
    image = bridge.to_image(pictures)
    if generator is None:
        with autoencoder_progress(vae, "encoder", len(pictures)):
            return vae.encode(image)
    network = vae.first_stage_model
    if not hasattr(network, "quant_conv"):
        raise InputError(
            f"this VAE ({type(network).__name__}) has no distribution to sample from; "
            "set reference_latents to mean, or connect the VAE of a Stable Diffusion 1.5 checkpoint"
        )
    comfy.model_management.load_models_gpu(
        [vae.patcher], memory_required=vae.memory_used_encode(pictures.shape, vae.vae_dtype)
    )
    pixels = vae.process_input(pictures).to(vae.device, vae.vae_dtype)
    with autoencoder_progress(vae, "encoder", len(pictures)):
        moments = network.quant_conv(network.encoder(pixels)).float().cpu()
    mean, _ = split_moments(moments)
    return sample_posterior(moments, draw_noise(mean, [generator] * mean.shape[0]))


def latent_mask(mask: Tensor, pictures: Tensor, height: int, width: int) -> Tensor:
    """Fit a MASK as the pictures (R, 3, H, W) are fitted and bring it to (R, 1, h, w).

    Raises:
        InputError: It masks everything, or has another number of pictures.
    """
    count, _, rows, columns = pictures.shape
    masks = F.interpolate(bridge.to_masks(mask, count), (rows, columns), mode="nearest")
    fitted = core_images.fit_size(masks, height, width)
    offered = F.adaptive_max_pool2d(fitted, (height // LATENT_STRIDE, width // LATENT_STRIDE))
    if not (offered > 0.5).any():
        raise InputError("mask is empty: it offers nothing of the reference; paint the person")
    return offered
