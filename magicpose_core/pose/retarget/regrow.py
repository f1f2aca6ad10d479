"""Set a body up anew: the directions of its bones kept, their lengths multiplied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body_tree import BONES, MID_HIP, NODE_COUNT, TYPICAL_LENGTH, Points, node

_PARENT = {bone.child: bone.parent for bone in BONES}
_KIND = {bone.child: bone.kind for bone in BONES}
_ROOTS = (MID_HIP, node("neck"), node("nose"), *range(NODE_COUNT))


@dataclass(frozen=True)
class Hinges:
    """Where each node of a body hangs when some nodes are never seen.

    Attributes:
        root: The node around which the body is set up.
        parent: For each of the 19 nodes the known node that it hangs on, the root for the root.
        factor: (19,) by which the way from the parent is multiplied.
    """

    root: int
    parent: tuple[int, ...]
    factor: NDArray[np.float64]


def find_hinges(known: NDArray[np.bool_], factors: Mapping[str, float]) -> Hinges:
    """Hang every node on the nearest known one towards the root.

    Where a joint between is never seen, the way over it is multiplied by the mean of the bones
    that it spans.

    Args:
        known: (19,), which nodes any frame shows; one at least.
        factors: Factor of each kind of bone, and ``whole`` for ways that follow no bone.
    """
    root = next(index for index in _ROOTS if known[index])
    parents, multipliers = [], []
    for index in range(NODE_COUNT):
        parent, kinds = _nearest_known(index, known)
        if index == root or parent is None:
            parent, kinds = root, ["whole"]
        weights = [TYPICAL_LENGTH.get(kind, 1.0) for kind in kinds]
        parents.append(parent)
        multipliers.append(float(np.average([factors[kind] for kind in kinds], weights=weights)))
    return Hinges(root, tuple(parents), np.array(multipliers))


def regrow(places: Points, hinges: Hinges) -> Points:
    """Return the nodes (F, 19, 2) around the root, which lies at (0, 0).

    Args:
        places: (F, 19, 2), complete (see ``tracks.fill_gaps``).
        hinges: Where each node hangs.
    """
    grown = np.zeros_like(places)
    for index in _from_the_root(hinges):
        parent = hinges.parent[index]
        way = places[:, index] - places[:, parent]
        grown[:, index] = grown[:, parent] + hinges.factor[index] * way
    return grown


def _nearest_known(index: int, known: NDArray[np.bool_]) -> tuple[int | None, list[str]]:
    """Return the first known node towards the middle of the hips and the bones up to it."""
    kinds = []
    while index in _PARENT:
        kinds.append(_KIND[index])
        index = _PARENT[index]
        if known[index]:
            return index, kinds
    return None, kinds


def _from_the_root(hinges: Hinges) -> list[int]:
    """Return all nodes but the root, each behind the node that it hangs on."""
    order = [hinges.root]
    for index in order:
        order += [
            child
            for child in range(NODE_COUNT)
            if hinges.parent[child] == index and child != hinges.root
        ]
    return order[1:]
