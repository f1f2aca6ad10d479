"""Keep an aligned person inside the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .body_tree import Points

_SHORTER = np.linspace(1, 0, 21)  # shares of the walk that are tried


def keep_inside(
    paths: NDArray[np.float64], around: Points, size: tuple[int, int]
) -> NDArray[np.float64]:
    """Shift a clip, and shorten its walk if it must be, so that the joints stay in the picture.

    Each axis is treated on its own and the whole clip alike. Joints that do not fit even standing
    still (arms above the upper edge) stick out as far as they must, and half of the walk is kept.

    Args:
        paths: (F, 2) places of the root in pixels.
        around: (F, N, 2) joints relative to the root, those that must be seen.
        size: Width and height of the picture in pixels.

    Returns:
        The new (F, 2) places of the root; the same ones where everything is inside.
    """
    if around.shape[1] == 0:
        return paths
    kept = [_keep_inside_axis(paths[:, axis], around[..., axis], size[axis]) for axis in range(2)]
    return np.stack(kept, axis=1)


def _keep_inside_axis(
    path: NDArray[np.float64], around: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    low, high = around.min(axis=1), around.max(axis=1)
    if (path + low).min() >= 0 and (path + high).max() <= size:
        return path
    start = path[0]

    def extent(share: float) -> float:
        walked = share * (path - start)
        return float((walked + high).max() - (walked + low).min())

    room = size if extent(0) <= size else (extent(0) + extent(1)) / 2
    share = next((share for share in _SHORTER if extent(share) <= room), 0.0)
    walked = start + share * (path - start)
    return walked + _shift((walked + low).min(), (walked + high).max(), size)


def _shift(low: float, high: float, size: int) -> float:
    """Return the smallest movement that brings low..high into 0..size, or centres what is wider."""
    if high - low > size:
        return (size - high - low) / 2
    return max(0.0, -low) - max(0.0, high - size)
