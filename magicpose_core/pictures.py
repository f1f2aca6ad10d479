"""Pictures in any form that people hold, checked and converted once.

What comes in is a path, a PIL image, an array (H, W, 3) or a tensor (3, H, W), as uint8 in 0..255
or as floats in 0..1. Everything behind this file sees float32 in 0..1, or uint8.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .errors import InputError
from .images import from_uint8, read_image, to_uint8

if TYPE_CHECKING:
    from .video.reader import Frame

Picture: TypeAlias = Union[str, "os.PathLike[str]", Image.Image, NDArray[Any], Tensor]
"""One picture, or an array or tensor of several: (B, H, W, 3), (B, 3, H, W)."""
Pictures: TypeAlias = Picture | Sequence[Picture]


def read_pictures(pictures: Pictures, name: str) -> list[Tensor]:
    """Convert pictures.

    Args:
        pictures: One, several, or a batch.
        name: What an error calls them.

    Returns:
        (1, 3, H, W) float32 in [0, 1] each; they may differ in size.

    Raises:
        InputError: Something is no picture, or its dtype, layout or range is another one.
    """
    if isinstance(pictures, str | os.PathLike | Image.Image | np.ndarray | Tensor):
        read = list(read_picture(pictures, name).split(1))
    elif isinstance(pictures, Sequence):
        read = [row for picture in pictures for row in read_picture(picture, name).split(1)]
    else:
        raise _unknown(pictures, name)
    if not read:
        raise InputError(f"{name} is empty; give at least one picture")
    return read


def read_picture(picture: Picture, name: str) -> Tensor:
    """Convert one picture, or a batch -> (B, 3, H, W) float32 in [0, 1], see above."""
    if isinstance(picture, str | os.PathLike):
        return read_image(Path(picture))
    if isinstance(picture, Image.Image):
        return from_uint8(_rgb(picture, name))
    if isinstance(picture, np.ndarray):
        return _from_array(picture, name)
    if isinstance(picture, Tensor):
        return _from_tensor(picture, name)
    raise _unknown(picture, name)


def as_frames(pictures: Sequence[Picture] | NDArray[Any] | Tensor, name: str) -> Iterator[Frame]:
    """Convert the frames of a clip one at a time -> (H, W, 3) uint8 each; uint8 stays as it is."""
    for picture in pictures:
        yield to_uint8(read_picture(picture, name))[0]


def _rgb(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    if picture.mode not in ("L", "P", "RGB", "1"):
        raise InputError(
            f"{name} is a PIL image of mode {picture.mode}; convert it to RGB first: "
            'image.convert("RGB")'
        )
    return np.array(picture.convert("RGB"))


def _from_array(array: NDArray[Any], name: str) -> Tensor:
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise InputError(
            f"{name} must be an array (H, W, 3) or (B, H, W, 3) of RGB, got {array.shape}; tensors "
            "are (3, H, W)"
        )
    if array.dtype == np.uint8:
        return from_uint8(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise _wrong_dtype(array.dtype, name)
    batch = torch.from_numpy(np.array(array, np.float32)).reshape(-1, *array.shape[-3:])
    return _in_range(batch.permute(0, 3, 1, 2).contiguous(), name)


def _from_tensor(tensor: Tensor, name: str) -> Tensor:
    if tensor.ndim not in (3, 4) or tensor.shape[-3] != 3 or 0 in tensor.shape:
        raise InputError(
            f"{name} must be a tensor (3, H, W) or (B, 3, H, W) of RGB, got "
            f"{tuple(tensor.shape)}; arrays are (H, W, 3), and tensor.movedim(-1, -3) turns that "
            "into this"
        )
    batch = tensor.detach().reshape(-1, *tensor.shape[-3:]).cpu()
    if batch.dtype == torch.uint8:
        return batch.float() / 255
    if not batch.is_floating_point():
        raise _wrong_dtype(batch.dtype, name)
    return _in_range(batch.float().clone(), name)


def _in_range(batch: Tensor, name: str) -> Tensor:
    if not bool(torch.isfinite(batch).all()):
        raise InputError(f"{name} holds NaN or infinity; check what made it")
    low, high = float(batch.min()), float(batch.max())
    if low < 0 or high > 1:
        raise InputError(
            f"{name} holds floats from {low:.3g} to {high:.3g}; floats lie in 0..1, and 0..255 "
            "comes as uint8"
        )
    return batch


def _wrong_dtype(dtype: object, name: str) -> InputError:
    return InputError(f"{name} must be uint8 in 0..255 or float in 0..1, got {dtype}; convert it")


def _unknown(value: object, name: str) -> InputError:
    return InputError(
        f"{name} must be a path, a PIL image, an array or a tensor, or a list of them, got "
        f"{type(value).__name__}"
    )
