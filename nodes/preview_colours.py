"""The colours of previews for an autoencoder that is not Stable Diffusion's.

ComfyUI previews latents with a linear map to RGB that was measured on Stable Diffusion's
autoencoder. For another one the map is measured here, on soft patches of colour.
"""

from __future__ import annotations

import comfy.model_patcher
import comfy.sd
import torch
import torch.nn.functional as F

from ..magicpose_core.models.sd15 import LATENT_STRIDE

_PICTURES, _SIDE, _PATCH = 8, 128, 32  # number; pixels; distance of the random colours in pixels


def set_preview_colours(model: comfy.model_patcher.ModelPatcher, vae: comfy.sd.VAE) -> None:
    """Let the previews of a MODEL that was just built show the colours of its autoencoder."""
    pictures = _soft_patches()
    latents = model.model.process_latent_in(vae.encode(pictures.movedim(1, -1)))
    cells = latents.float().cpu().movedim(1, -1).flatten(0, 2)  # (N, 4)
    colours = F.avg_pool2d(pictures, LATENT_STRIDE).movedim(1, -1).flatten(0, 2)  # (N, 3)
    rows = torch.cat((cells, torch.ones(len(cells), 1)), 1)
    to_rgb = torch.linalg.lstsq(rows, colours * 2 - 1).solution  # previews span -1 to 1
    latent_format = model.model.latent_format
    latent_format.latent_rgb_factors = to_rgb[:-1].tolist()
    latent_format.latent_rgb_factors_bias = to_rgb[-1].tolist()
    latent_format.taesd_decoder_name = None  # it decodes Stable Diffusion's latents


def _soft_patches() -> torch.Tensor:
    """Draw (B, 3, H, W) pictures in [0, 1], random colours with soft transitions; always equal."""
    nodes = _SIDE // _PATCH + 1
    generator = torch.Generator().manual_seed(0)
    colours = torch.rand(_PICTURES, 3, nodes, nodes, generator=generator)
    return F.interpolate(colours, size=(_SIDE, _SIDE), mode="bilinear", align_corners=True)
