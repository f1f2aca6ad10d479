"""Sizes of results: width and height in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import InputError
from .models.sd15 import SIZE_MULTIPLE

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


def default_size(note: ModelNote | None) -> tuple[int, int]:
    """Give the (width, height) that a model's note asks for, else the paper's."""
    return _PAPERS_SIZE if note is None or note.size is None else note.size
