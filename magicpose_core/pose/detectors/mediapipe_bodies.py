"""Tell the bodies that MediaPipe finds in parts of a frame apart; run by its own Python, too.

NumPy is all that is imported: the worker loads this file by its path.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Body = Sequence[Sequence[float]]  # 33 landmarks: x, y as fractions of the frame, visibility

_SAME = 0.2  # of a person's size: mean distance of the points of one body found twice
_SAME_HEAD = 0.1  # of a person's size: two heads that near are one
_INSIDE = 0.5  # of the smaller one's box: so much of a body cut off lies in the whole one's
_HEAD = 11  # landmarks of the head
_UPPER = 25  # landmarks without the legs
# Left and right of those, which are swapped where one of two looks takes a back for a front.
_MIRROR = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 25))]

assert sorted(_MIRROR) == list(range(_UPPER))


def add_body(bodies: list[Body], body: Body, size: tuple[int, int], part: tuple[int, int]) -> None:
    """Add a body to those of a frame unless it is one of them.

    Who is cut off by the edge of the part that is looked at gets wrong limbs there; where such a
    body lies upon another one it is taken to be the same.

    Args:
        bodies: Found before, in wider parts first.
        body: Found in a part.
        size: Width and height of the frame in pixels.
        part: Left and right edge of the part in pixels.
    """
    cut = _cut_off(_places(body, size), size[0], part)
    for other in bodies:
        if same_body(body, other, size) or (cut and _overlap(body, other, size) > _INSIDE):
            return
    bodies.append(body)


def same_body(one: Body, other: Body, size: tuple[int, int]) -> bool:
    """Tell whether two skeletons are of one person: by the body, swapped or not, or by the head."""
    first, second = _places(one, size), _places(other, size)
    extent = min(float(np.linalg.norm(np.ptp(places, axis=0))) for places in (first, second))
    apart = min(
        float(np.linalg.norm(first - places, axis=1).mean()) for places in (second, second[_MIRROR])
    )
    heads = float(np.linalg.norm(first[:_HEAD] - second[:_HEAD], axis=1).mean())
    return apart < _SAME * extent or heads < _SAME_HEAD * extent


def _places(body: Body, size: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(np.array(body, np.float64)[:_UPPER, :2] * size)


def _cut_off(places: NDArray[np.float64], width: int, part: tuple[int, int]) -> bool:
    left, right = part
    beyond_left = left > 0 and places[:, 0].min() < left
    beyond_right = right < width and places[:, 0].max() > right
    return bool(beyond_left or beyond_right)


def _overlap(one: Body, other: Body, size: tuple[int, int]) -> float:
    """Return the share of the smaller box that lies in the other one."""
    boxes = [(p.min(axis=0), p.max(axis=0)) for p in (_places(one, size), _places(other, size))]
    low = np.maximum(boxes[0][0], boxes[1][0])
    high = np.minimum(boxes[0][1], boxes[1][1])
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / max(min(float(np.prod(top - bottom)) for bottom, top in boxes), 1e-9)
