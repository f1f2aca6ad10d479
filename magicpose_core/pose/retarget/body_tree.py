"""The body as a tree of bones around the middle of the hips, for measuring and moving.

OpenPose draws two limbs from the neck to the hips. A body bends and grows along its spine and its
pelvis instead, so that here the middle of the hips is a 19th node: the root.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeletons import BODY

Points = NDArray[np.float64]
"""(F, N, 2) places in pixels of N = 19 nodes: OpenPose's 18 and the middle of the hips."""

Mask = NDArray[np.bool_]
"""(F, N): which nodes were seen."""

MID_HIP = len(BODY)
NODES = (*BODY.joints, "mid_hip")
NODE_COUNT = len(NODES)


def node(name: str) -> int:
    """Return the place of a node by its name."""
    return NODES.index(name)


HIPS = [node("right_hip"), node("left_hip")]
SHOULDERS = [node("right_shoulder"), node("left_shoulder")]
ANKLES = [node("right_ankle"), node("left_ankle")]


@dataclass(frozen=True)
class Bone:
    """A bone from a node nearer to the root to one farther away; both sides have one ``kind``."""

    parent: int
    child: int
    kind: str


def _both_sides(parent: str, child: str, kind: str) -> tuple[Bone, Bone]:
    right, left = (
        Bone(node(parent.format(side)), node(child.format(side)), kind)
        for side in ("right", "left")
    )
    return right, left


BONES = (
    Bone(MID_HIP, node("neck"), "torso"),
    *_both_sides("mid_hip", "{}_hip", "hips"),
    *_both_sides("{}_hip", "{}_knee", "thigh"),
    *_both_sides("{}_knee", "{}_ankle", "shin"),
    *_both_sides("neck", "{}_shoulder", "shoulders"),
    *_both_sides("{}_shoulder", "{}_elbow", "upper_arm"),
    *_both_sides("{}_elbow", "{}_wrist", "forearm"),
    Bone(node("neck"), node("nose"), "neck"),
    *_both_sides("nose", "{}_eye", "head"),
    *_both_sides("{}_eye", "{}_ear", "head"),
)

# Lengths as fractions of an adult's height (Drillis and Contini 1966), but for shoulders and hips,
# which detectors mark at the joints' centres, and the head: from the nose to an eye or so.
TYPICAL_LENGTH = {
    "torso": 0.288,
    "hips": 0.058,
    "thigh": 0.245,
    "shin": 0.246,
    "shoulders": 0.115,
    "upper_arm": 0.186,
    "forearm": 0.146,
    "neck": 0.095,
    "head": 0.030,
}
KINDS = tuple(TYPICAL_LENGTH)
# Kinds that are long together and short together in one body.
LIMBS = (
    ("torso", "hips", "shoulders"),
    ("thigh", "shin"),
    ("upper_arm", "forearm"),
    ("neck", "head"),
)

assert len(BONES) == NODE_COUNT - 1
assert {bone.kind for bone in BONES} == set(KINDS)
assert len({bone.child for bone in BONES}) == len(BONES)
assert sorted(kind for limb in LIMBS for kind in limb) == sorted(KINDS)


def with_mid_hip(points: Points, seen: Mask) -> tuple[Points, Mask]:
    """Add the middle of the hips to (F, 18, 2) points and their (F, 18) mask."""
    both: Mask = np.all(seen[:, HIPS], axis=1)
    middle = points[:, HIPS].mean(axis=1) * both[:, None]
    return (
        np.concatenate([points, middle[:, None]], axis=1),
        np.concatenate([seen, both[:, None]], axis=1),
    )


def guess_trunk(points: Points, seen: Mask) -> tuple[Points, Mask]:
    """Guess hidden points of the trunk from the seen ones: it is a rigid, symmetric plate.

    Args:
        points: (F, 19, 2).
        seen: (F, 19).

    Returns:
        The points with guesses in, and a mask that holds seen and guessed ones.
    """
    points, seen = points.copy(), seen.copy()
    neck, (right, left) = node("neck"), SHOULDERS
    _put(points, seen, neck, [right, left], (points[:, right] + points[:, left]) / 2)
    for one, other in ((right, left), (left, right)):
        _put(points, seen, one, [neck, other], 2 * points[:, neck] - points[:, other])
    half = (points[:, left] - points[:, right]) / 2
    half = half * (TYPICAL_LENGTH["hips"] / TYPICAL_LENGTH["shoulders"])
    for hip, inwards in zip(HIPS, (half, -half), strict=True):
        _put(points, seen, MID_HIP, [hip, *SHOULDERS], points[:, hip] + inwards)
    return points, seen


def _put(points: Points, seen: Mask, index: int, needed: list[int], places: Points) -> None:
    guessed = ~seen[:, index] & np.all(seen[:, needed], axis=1)
    points[guessed, index] = places[guessed]
    seen[guessed, index] = True
