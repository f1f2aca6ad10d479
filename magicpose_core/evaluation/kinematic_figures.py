"""Kinematic figures of known bones: bodies by chance that move by chance, in the plane or in space.

With them alignment and smoothing are measured against the truth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..pose.retarget.body_tree import BONES, LIMBS, NODE_COUNT, NODES, TYPICAL_LENGTH, Bone

Lengths = Mapping[str, float]
"""Length in pixels of each kind of bone."""

Directions = NDArray[np.float64]
"""(F, bones, 3) unit vectors of the bones of ``BONES``: right, down, away from the camera."""

# Standing with hanging arms, seen from the front: degrees from straight down, outwards.
_STANDING = {
    "torso": 180.0,
    "hips": 90.0,
    "thigh": 4.0,
    "shin": 1.0,
    "shoulders": 90.0,
    "upper_arm": 25.0,
    "forearm": 15.0,
    "neck": 180.0,
    "head": 115.0,
}
_SWING = {"torso": 12.0, "thigh": 35.0, "shin": 30.0, "upper_arm": 70.0, "forearm": 80.0}
_SMALL_SWING = 10.0
_STRAIGHT = ("hips", "shoulders")  # the right half continues the left one
_TILT = 0.8  # out of the picture plane, as a share of the swing in it
_LIMB_SPREAD, _BONE_SPREAD = 0.08, 0.04
_TURN = 40.0  # degrees about the vertical


def random_body(generator: np.random.Generator, height: float) -> Lengths:
    """Draw a body: trunk, legs, arms and head vary by 8 %, bones within them by another 4 %.

    The standard deviations of logarithms; they cover grown-ups of all builds and older children.

    Args:
        generator: The source of chance.
        height: Height in pixels that the typical body would have.
    """
    lengths = {}
    for limb in LIMBS:
        together = generator.normal(0, _LIMB_SPREAD)
        for kind in limb:
            own = together + generator.normal(0, _BONE_SPREAD)
            lengths[kind] = height * TYPICAL_LENGTH[kind] * float(np.exp(own))
    return lengths


def random_motion(
    generator: np.random.Generator, frames: int, fps: float = 30.0, *, depth: bool
) -> Directions:
    """Draw smooth movements of all bones; with ``depth`` they leave the picture plane.

    Args:
        generator: The source of chance.
        frames: Number of frames.
        fps: Frames per second; movements have 0.2 to 1 swings a second.
        depth: Let the bones point towards and away from the camera, and the body turn.
    """
    time = np.arange(frames) / fps
    directions = np.stack(
        [_direction(generator, time, bone, depth=depth) for bone in BONES], axis=1
    )
    for index, bone in enumerate(BONES):
        if bone.kind in _STRAIGHT and _is_right(bone):
            directions[:, index] = -directions[:, index + 1]
    return _turned(directions, _swing(generator, time, _TURN)) if depth else directions


def pose(lengths: Lengths, directions: Directions) -> NDArray[np.float64]:
    """Set up a body: (F, 19, 2) places of the nodes around the middle of the hips, in pixels."""
    places = np.zeros((len(directions), NODE_COUNT, 3))
    for index, bone in enumerate(BONES):  # parents stand before their children
        places[:, bone.child] = places[:, bone.parent] + lengths[bone.kind] * directions[:, index]
    return places[..., :2]


def stature(lengths: Lengths) -> float:
    """Return the standing height in pixels from the ankles to the nose."""
    return sum(lengths[kind] for kind in ("shin", "thigh", "torso", "neck"))


def _direction(
    generator: np.random.Generator, time: NDArray[np.float64], bone: Bone, *, depth: bool
) -> NDArray[np.float64]:
    """Return (F, 3) unit vectors of one bone."""
    swing = _SWING.get(bone.kind, _SMALL_SWING)
    # In front of the camera the person's right is on the left of the picture.
    outwards = -1.0 if _is_right(bone) else 1.0
    angle = outwards * np.deg2rad(_STANDING[bone.kind]) + _swing(generator, time, swing)
    tilt = _swing(generator, time, _TILT * swing) if depth else np.zeros_like(time)
    return np.stack(
        [np.sin(angle) * np.cos(tilt), np.cos(angle) * np.cos(tilt), np.sin(tilt)], axis=-1
    )


def _is_right(bone: Bone) -> bool:
    return NODES[bone.child].startswith("right")


def _swing(
    generator: np.random.Generator, time: NDArray[np.float64], degrees: float
) -> NDArray[np.float64]:
    """Return a sum of three slow sines of chance, in radians."""
    rates = generator.uniform(0.2, 1.0, 3)
    phases = generator.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * rates * time[:, None] + phases)
    return np.deg2rad(degrees) * np.asarray(waves @ generator.dirichlet([1, 1, 1]))


def _turned(directions: Directions, yaw: NDArray[np.float64]) -> Directions:
    """Turn a body about the vertical by (F,) radians."""
    right, down, away = np.moveaxis(directions, -1, 0)
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    return np.stack([cos * right + sin * away, down, cos * away - sin * right], axis=-1)
