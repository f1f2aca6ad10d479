"""Fill a body's unseen nodes by the seen ones that they hang on, so that they move along."""

from __future__ import annotations

import numpy as np

from ..tracks import fill_gaps
from .body_tree import BONES, HIPS, MID_HIP, Mask, Points, node

# The root is told by what lies next to it: the nearest first.
_ROOT_BY = (*HIPS, node("neck"))


def fill_body(places: Points, seen: Mask) -> Points:
    """Fill unseen nodes: where a neighbour is seen, by their way from it in the frames around.

    A way is interpolated over the frames that show both ends and held before and behind them. Where
    no frame does, places themselves are (see ``tracks.fill_gaps``).

    Args:
        places: (F, 19, 2).
        seen: (F, 19); a node that no frame shows is put at (0, 0).
    """
    filled = fill_gaps(places, seen)
    known = seen.copy()
    for neighbour in _ROOT_BY:
        _hang(filled, known, seen, MID_HIP, neighbour)
    for bone in BONES:  # parents stand before their children
        _hang(filled, known, seen, bone.child, bone.parent)
    return filled


def _hang(filled: Points, known: Mask, seen: Mask, index: int, neighbour: int) -> None:
    """Fill one node in the frames that show its neighbour, or tell where that is."""
    both = np.flatnonzero(seen[:, index] & seen[:, neighbour])
    frames = np.flatnonzero(~known[:, index] & known[:, neighbour])
    if len(both) == 0 or len(frames) == 0:
        return
    ways = filled[both, index] - filled[both, neighbour]
    for axis in range(2):
        way = np.interp(frames, both, ways[:, axis])
        filled[frames, index, axis] = filled[frames, neighbour, axis] + way
    known[frames, index] = True
