"""Printed cloth: for points of a garment, whether they have the second colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .person import Pattern

Coordinates = NDArray[np.float64]


def is_accent(pattern: Pattern, x: Coordinates, y: Coordinates) -> NDArray[np.bool_]:
    """Tell which points of the torso wear the second colour.

    Args:
        pattern: The kind of print.
        x: Across the torso in torso lengths, 0 in the middle.
        y: From the neck (0) to the hips (1).
    """
    accent: NDArray[np.bool_]
    if pattern == "stripes":
        accent = np.mod(y, 0.36) > 0.18
    elif pattern == "pinstripes":
        accent = np.mod(x + 0.06, 0.24) < 0.1
    elif pattern == "dots":
        accent = (np.mod(x + 0.13, 0.26) - 0.13) ** 2 + (np.mod(y, 0.26) - 0.13) ** 2 < 0.0072
    elif pattern == "checks":
        accent = (np.mod(x, 0.36) > 0.18) ^ (np.mod(y, 0.36) > 0.18)
    elif pattern == "emblem":
        accent = x**2 + (y - 0.42) ** 2 < 0.04
    elif pattern == "halves":
        accent = x > 0
    else:
        accent = np.zeros(np.broadcast(x, y).shape, bool)
    return accent
