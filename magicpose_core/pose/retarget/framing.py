"""Keep an aligned person's head inside the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body_tree import Mask, Points, node

HEAD = [node("nose"), *(node(f"{s}_{p}") for p in ("eye", "ear") for s in ("right", "left"))]
_SHORTER = np.linspace(1, 0, 21)  # shares of the walk that are tried
_SOMETIMES = 0.05  # share of the frames whose head may be held inside instead


@dataclass(frozen=True, kw_only=True)
class Framing:
    """What keeps a head inside.

    Attributes:
        share: Of the walk that is left.
        held: (F, 2) pixels by which each frame is moved.
    """

    share: float
    held: NDArray[np.float64]


def keep_inside(
    still: NDArray[np.float64], walk: NDArray[np.float64], head: Points, size: tuple[int, int]
) -> Framing:
    """Shorten a walk, and hold the frames that still leave, so that the head stays in the picture.

    The walk is as long as it can be so that the head is inside in all but 5 % of the frames, not
    counting those in which it would leave standing still. Holding moves a frame no farther than
    the head needs; a head larger than the picture is left where it is.

    Args:
        still: (2,) where the root stands.
        walk: (F, 2) ways of the root from there.
        head: (F, N, 2) points of the head relative to the root.
        size: Width and height of the picture in pixels.
    """
    if head.shape[1] == 0:
        return Framing(share=1.0, held=np.zeros_like(walk))

    def leaves(share: float) -> NDArray[np.float64]:
        return _outside(still + share * walk, head, size)

    allowed = leaves(0.0)
    share = next(
        (s for s in _SHORTER if (np.any(leaves(s) > allowed + 1e-6, axis=1)).mean() <= _SOMETIMES),
        0.0,
    )
    low, high = _extent(still + share * walk, head)
    held = np.maximum(0, -low) - np.maximum(0, high - size)
    held[high - low > size] = 0
    return Framing(share=float(share), held=held)


def outside(places: Points, seen: Mask, size: tuple[int, int]) -> tuple[int, int]:
    """Count the frames whose head is not wholly in the picture, and those that show a head.

    Args:
        places: (F, 18 or 19, 2) in pixels.
        seen: The mask of those.
        size: Width and height of the picture in pixels.
    """
    points, shown = places[:, HEAD], seen[:, HEAD]
    # Places are kept as 32-bit fractions, so that one on the very edge may lie a hair outside.
    within = np.all((points >= -_HAIR) & (points <= np.add(size, _HAIR)), axis=-1) | ~shown
    return int((~within.all(axis=1)).sum()), int(shown.any(axis=1).sum())


_HAIR = 0.01  # pixels


def _extent(
    path: NDArray[np.float64], head: Points
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return path + head.min(axis=1), path + head.max(axis=1)


def _outside(path: NDArray[np.float64], head: Points, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return by how many pixels (F, 2) the head sticks out on each axis."""
    low, high = _extent(path, head)
    return np.maximum(0, -low) + np.maximum(0, high - size)
