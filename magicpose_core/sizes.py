"""Sizes of results: width and height in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .errors import InputError
from .models.sd15 import LATENT_STRIDE, NORM_GROUPS, SIZE_MULTIPLE

if TYPE_CHECKING:
    from .weights.notes import ModelNote

LONGEST_SIDE = 8192
_PAPERS_SIZE = (512, 512)


def check_size(size: tuple[int, int]) -> tuple[int, int]:
    """Check (width, height) of a result.

    Raises:
        InputError: It is no pair, no multiple of 64, or beyond all memory.
    """
    if len(size) != 2 or not all(isinstance(side, int) for side in size):
        raise InputError(f"size must be (width, height) in pixels, got {size!r}")
    width, height = size
    if min(size) < 1 or width % SIZE_MULTIPLE or height % SIZE_MULTIPLE:
        raise InputError(
            f"the sides of a size must be multiples of {SIZE_MULTIPLE}, got {width} x {height}"
        )
    if max(size) > LONGEST_SIDE:
        raise InputError(f"a side may have {LONGEST_SIDE} pixels at most, got {width} x {height}")
    return width, height


def check_room(size: tuple[int, int], channels: Sequence[int]) -> None:
    """Check that a U-Net's deepest level has more than one value to normalise by.

    Args:
        size: (width, height) in pixels.
        channels: Of the U-Net's levels.

    Raises:
        InputError: A picture is a single position there, and a channel is a group of its own.
    """
    smallest = LATENT_STRIDE << (len(channels) - 1)
    if min(channels[-2:]) <= NORM_GROUPS and max(size) <= smallest:
        raise InputError(
            f"a size of {size[0]} x {size[1]} is too small for this model, whose deepest level has "
            f"{NORM_GROUPS} channels; use {2 * smallest} x {smallest} at least"
        )


def default_size(note: ModelNote | None) -> tuple[int, int]:
    """Give the (width, height) that a model's note asks for, else the paper's."""
    return _PAPERS_SIZE if note is None or note.size is None else note.size
