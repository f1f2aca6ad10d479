"""How many frames fit through the networks at a time."""

from __future__ import annotations

import os

import torch
from torch import nn

from .sd15 import LATENT_STRIDE

# Peak of activations for a latent cell, in numbers for each channel of the finest level; measured
# at 512 x 512 in float32 with the reference's keys and values: 57 for one frame, 37 each for four.
_NUMBERS_A_CELL = 50
_SHARE = 0.6  # of free memory; the rest is for fragmentation and the VAE
_MOST = 16
# Four frames of 512 x 512: the coarsest convolutions run at twice the speed that they have on one.
_CPU_CELLS = 4 * 4096


def frames_that_fit(denoiser: nn.Module, height: int, width: int) -> int:
    """Choose how many frames of a size in pixels go through the networks at a time.

    On a GPU by its free memory; elsewhere as many as have the area of four of 512 x 512.
    """
    kernel = next(parameter for parameter in denoiser.parameters() if parameter.ndim == 4)
    if kernel.device.type != "cuda":
        return frames_of_a_size(height, width)
    cells = (height // LATENT_STRIDE) * (width // LATENT_STRIDE)
    free, _ = torch.cuda.mem_get_info(kernel.device)
    return frames_in(free, cells=cells, channels=kernel.shape[0], itemsize=kernel.element_size())


def frames_of_a_size(height: int, width: int) -> int:
    """Choose by the size in pixels alone, the same on every machine: four frames of 512 x 512."""
    cells = (height // LATENT_STRIDE) * (width // LATENT_STRIDE)
    return max(1, min(_MOST, _CPU_CELLS // cells))


def frames_in(free: int, *, cells: int, channels: int, itemsize: int) -> int:
    """Say how many frames the activations of which fit into ``free`` bytes, one at least.

    Args:
        free: Bytes of free memory.
        cells: Latent cells of a frame.
        channels: Channels of the finest level.
        itemsize: Bytes a number.
    """
    frame = cells * channels * _NUMBERS_A_CELL * itemsize
    return max(1, min(_MOST, int(free * _SHARE / frame)))


def free_memory(device: torch.device) -> int | None:
    """Say how many bytes are free where networks run; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "cpu" and "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", ()):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return None
