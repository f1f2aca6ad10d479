"""Pictures as tensors: ranges, layouts, crops. Everywhere else trusts what this file returns.

A picture is (B, 3, H, W) float32 RGB. ``unit`` pictures lie in [0, 1] (pose maps, results),
``signed`` ones in [-1, 1] (what the VAE reads and writes).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .clip_settings import Fit
from .files import atomic_path
from .picture_files import read_pixels


def read_image(path: Path) -> Tensor:
    """Read a picture, turned upright by its EXIF orientation; transparency becomes black.

    Returns:
        (1, 3, H, W) float32 in [0, 1].

    Raises:
        InputError: The file is absent, damaged or no picture (see ``picture_files``).
    """
    return from_uint8(read_pixels(path))


def write_image(path: Path, image: Tensor) -> None:
    """Write one (1, 3, H, W) or (3, H, W) picture in [0, 1] atomically; the suffix says how."""
    with atomic_path(path) as temporary:
        Image.fromarray(to_uint8(image.reshape(1, *image.shape[-3:]))[0]).save(temporary)


def from_uint8(pixels: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) or (B, H, W, 3) uint8 RGB -> (B, 3, H, W) float32 in [0, 1]."""
    batch = torch.from_numpy(np.array(pixels)).reshape(-1, *pixels.shape[-3:])
    return batch.permute(0, 3, 1, 2).contiguous().float().div_(255)


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """(B, 3, H, W) in [0, 1] -> (B, H, W, 3) uint8, clipped and rounded to nearest."""
    levels = images.detach().float().clamp(0, 1).mul(255).add(0.5).floor().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def unit_to_signed(images: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1]."""
    return images * 2 - 1


def signed_to_unit(images: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1], clipped."""
    return ((images + 1) / 2).clamp(0, 1)


def fit_size(images: Tensor, height: int, width: int, fit: Fit = "crop") -> Tensor:
    """Bring pictures to a size by a named rule; bilinear with antialiasing, as the authors resize.

    Args:
        images: (B, 3, H, W) in [0, 1].
        height: Wanted height in pixels.
        width: Wanted width in pixels.
        fit: ``crop`` keeps the aspect and cuts the centre (the paper's rule), ``pad`` keeps the
            aspect and adds black, ``stretch`` gives up the aspect.

    Returns:
        (B, 3, height, width).
    """
    rows, columns = images.shape[-2:]
    if fit == "stretch":
        return _resize(images, height, width)
    if fit == "crop":
        scale = max(height / rows, width / columns)
        keep_rows = min(rows, max(1, round(height / scale)))
        keep_columns = min(columns, max(1, round(width / scale)))
        top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
        cut = images[..., top : top + keep_rows, left : left + keep_columns]
        return _resize(cut, height, width)
    scale = min(height / rows, width / columns)
    inner_rows = min(height, max(1, round(rows * scale)))
    inner_columns = min(width, max(1, round(columns * scale)))
    top, left = (height - inner_rows) // 2, (width - inner_columns) // 2
    return F.pad(
        _resize(images, inner_rows, inner_columns),
        (left, width - inner_columns - left, top, height - inner_rows - top),
    )


def _resize(images: Tensor, height: int, width: int) -> Tensor:
    if images.shape[-2:] == (height, width):
        return images
    return F.interpolate(
        images, size=(height, width), mode="bilinear", antialias=True, align_corners=False
    )
