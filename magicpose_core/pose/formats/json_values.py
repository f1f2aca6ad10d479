"""Read numbers out of JSON of unknown origin."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, one_line
from ..keypoints import USUAL_FPS

_MOST_PIXELS, _MOST_FPS = 1_000_000, 1_000


def pixel_count(value: object, what: str) -> int:
    """Read a width or height in pixels; ``what`` names it in the error."""
    if not _is_number(value) or not 1 <= value <= _MOST_PIXELS:
        raise InputError(f"{what} must be a number of pixels, got {one_line(repr(value))}")
    return int(value)


def frame_rate(value: object) -> float:
    """Read frames per second; None is 30."""
    if value is None:
        return USUAL_FPS
    if not _is_number(value) or not 0 < value <= _MOST_FPS:
        raise InputError(
            f"fps must be above 0 and {_MOST_FPS} at most, got {one_line(repr(value))}"
        )
    return float(value)


def number_array(value: object, what: str) -> NDArray[np.float64]:
    """Read nested lists of numbers; ``what`` names them in the error."""
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what} must be a list of numbers ({one_line(str(error))})") from error


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
