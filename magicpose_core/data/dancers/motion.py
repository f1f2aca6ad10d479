"""How a dancer moves: a posture is some angles and a face, a motion a smooth loop of postures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Posture(NamedTuple):
    """One moment of a dance. Angles in radians; sides are the dancer's own.

    Arms and legs hang at 0 and rise outwards; a bent elbow turns the forearm further upwards
    (negative: inwards, before the body). ``lift`` foreshortens a leg towards the viewer, ``turn``
    rotates the whole figure about its vertical axis. Blink and mouth rest at 0, their lowest.
    """

    sway: float
    lean: float
    turn: float
    nod: float
    right_arm: float
    right_elbow: float
    right_wrist: float
    left_arm: float
    left_elbow: float
    left_wrist: float
    fingers: float
    right_leg: float
    right_knee: float
    right_lift: float
    left_leg: float
    left_knee: float
    left_lift: float
    gaze_x: float
    gaze_y: float
    blink: float
    mouth: float
    smile: float
    brows: float


_ARM_LOW, _ARM_HIGH = (0.15, -1.5, -0.4), (2.7, 1.7, 0.4)
_LEG_LOW, _LEG_HIGH = (0.02, 0.0, 0.0), (0.55, 0.7, 0.5)
_FACE_LOW, _FACE_HIGH = (-1.0, -0.6, -0.5, -0.3, -0.3, -1.0), (1.0, 0.6, 0.8, 0.8, 1.0, 1.0)
LOWEST = Posture(
    -0.05, -0.16, -0.6, -0.2, *_ARM_LOW, *_ARM_LOW, 0.0, *_LEG_LOW, *_LEG_LOW, *_FACE_LOW
)
HIGHEST = Posture(
    0.05, 0.16, 0.6, 0.2, *_ARM_HIGH, *_ARM_HIGH, 1.0, *_LEG_HIGH, *_LEG_HIGH, *_FACE_HIGH
)


@dataclass(frozen=True, kw_only=True)
class Motion:
    """A loop of postures: each value swings about its mean with two harmonics.

    Attributes:
        mean: (23,) middle of each value.
        amplitude: (2, 23) of the loop's first and second harmonic.
        phase: (2, 23) in radians.
    """

    mean: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    phase: NDArray[np.float64]


def draw_motion(rng: np.random.Generator) -> Motion:
    """Draw a dance; it never leaves the limits of a human joint."""
    low, high = np.array(LOWEST), np.array(HIGHEST)
    room = (high - low) / 2
    share = rng.uniform(0.25, 0.75, room.shape) * room
    split = rng.uniform(0.4, 0.9, room.shape)
    mean = rng.uniform(low + share, high - share)
    return Motion(
        mean=mean,
        amplitude=np.stack([share * split, share * (1 - split)]),
        phase=rng.uniform(0, 2 * math.pi, (2, len(room))),
    )


def posture_at(motion: Motion, moment: float) -> Posture:
    """Give the posture at a moment of the loop, in turns: 0 and 1 are the same posture."""
    angle = 2 * math.pi * moment * np.array([[1.0], [2.0]]) + motion.phase
    values = Posture(*(motion.mean + (motion.amplitude * np.sin(angle)).sum(axis=0)).tolist())
    return values._replace(blink=max(0.0, values.blink), mouth=max(0.0, values.mouth))
