"""Read numbers out of JSON of unknown origin."""

from __future__ import annotations

from typing import TypeGuard

from ..errors import InputError
from .keypoints import USUAL_FPS

_MOST = 1_000_000


def pixel_count(value: object, what: str) -> int:
    """Read a width or height in pixels; ``what`` names it in the error."""
    if not _is_number(value) or not 1 <= value <= _MOST:
        raise InputError(f"{what} must be a number of pixels, got {value!r}")
    return int(value)


def frame_rate(value: object) -> float:
    """Read frames a second; None is 30."""
    if value is None:
        return USUAL_FPS
    if not _is_number(value) or not 0 < value <= _MOST:
        raise InputError(f"fps must be a number of frames a second, got {value!r}")
    return float(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
