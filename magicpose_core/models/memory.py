"""How many frames fit through the networks at a time."""

from __future__ import annotations

import torch
from torch import nn

from .sd15 import LATENT_STRIDE

# Peak of activations for one latent cell, in numbers for each channel of the finest level,
# measured on the SD 1.5 sizes (README, "Measured").
_NUMBERS_A_CELL = 40
_SHARE = 0.6  # of free memory; the rest is for fragmentation and the VAE
_MOST = 16


def frames_that_fit(denoiser: nn.Module, height: int, width: int) -> int:
    """Choose how many frames of a size go through the networks at a time.

    On a GPU from its free memory. On a CPU one frame fills all cores from 512 x 512 pixels on, and
    smaller ones are put together up to that area.
    """
    weight = next(denoiser.parameters())
    cells = (height // LATENT_STRIDE) * (width // LATENT_STRIDE)
    if weight.device.type != "cuda":
        return max(1, min(_MOST, 4096 // cells))
    channels = next(p for p in denoiser.parameters() if p.ndim == 4).shape[0]
    frame_bytes = cells * channels * _NUMBERS_A_CELL * weight.element_size()
    free, _ = torch.cuda.mem_get_info(weight.device)
    return max(1, min(_MOST, int(free * _SHARE / frame_bytes)))
