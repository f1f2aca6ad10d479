"""Sizes of results: width and height in pixels."""

from __future__ import annotations

from .errors import InputError
from .models.sd15 import SIZE_MULTIPLE

LONGEST_SIDE = 8192


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
