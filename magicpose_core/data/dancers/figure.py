"""Forward kinematics: a body and a posture give the place of every joint in the picture.

Points are complex numbers x + iy in picture heights, x to the right and y downwards.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

from .bodies import Proportions
from .motion import Posture

GROUND = 0.955
SOLE = 0.03
"""Height of an ankle above the ground, in body heights."""
_DOWN = 1j


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Shoulder to finger tips; ``along`` is the hand's direction."""

    shoulder: complex
    elbow: complex
    wrist: complex
    along: complex


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Hip to toe."""

    hip: complex
    knee: complex
    ankle: complex
    toe: complex


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A posed body. ``right`` and ``left`` are the dancer's own: the right is at picture left.

    Attributes:
        up: Unit vector along the spine.
        head_up: Unit vector from chin to crown.
        head: Centre of the head.
        head_radius: Half the height of the head.
        yaw: Turn of the head and body in radians; positive looks to picture right.
        scale: One body height in picture heights.
    """

    pelvis: complex
    neck: complex
    up: complex
    head: complex
    head_up: complex
    head_radius: float
    yaw: float
    right_arm: Arm
    left_arm: Arm
    right_leg: Leg
    left_leg: Leg
    scale: float


def pose_figure(body: Proportions, posture: Posture) -> Figure:
    """Place every joint; the lower foot stands on the ground."""
    scale = body.height
    width = scale * math.cos(posture.turn)
    up = -_DOWN * cmath.exp(1j * posture.lean)
    legs = [
        _leg(body, posture.lean / 2, width, side, angles)
        for side, angles in (
            (-1, (posture.right_leg, posture.right_knee, posture.right_lift)),
            (1, (posture.left_leg, posture.left_knee, posture.left_lift)),
        )
    ]
    lowest = max(leg.ankle.imag for leg in legs)
    pelvis = complex(0.5 + posture.sway, GROUND - SOLE * scale - lowest)
    right_leg, left_leg = (_moved(leg, pelvis) for leg in legs)
    neck = pelvis + body.torso * scale * up
    across = up * 1j
    arms = [
        _arm(body, neck - 0.012 * scale * up + side * body.shoulders * width * across, side, angles)
        for side, angles in (
            (-1, (posture.right_arm - posture.lean, posture.right_elbow, posture.right_wrist)),
            (1, (posture.left_arm + posture.lean, posture.left_elbow, posture.left_wrist)),
        )
    ]
    head_up = up * cmath.exp(1j * posture.nod)
    head_radius = body.head * scale / 2
    return Figure(
        pelvis=pelvis,
        neck=neck,
        up=up,
        head=neck + body.neck * scale * up + head_radius * head_up,
        head_up=head_up,
        head_radius=head_radius,
        yaw=posture.turn,
        right_arm=arms[0],
        left_arm=arms[1],
        right_leg=right_leg,
        left_leg=left_leg,
        scale=scale,
    )


def _hanging(side: int, angle: float) -> complex:
    """Unit vector that hangs down at angle 0 and rises outwards."""
    return _DOWN * cmath.exp(-1j * side * angle)


def _arm(
    body: Proportions, shoulder: complex, side: int, angles: tuple[float, float, float]
) -> Arm:
    raised, bend, turn = angles
    scale = body.height
    elbow = shoulder + body.upper_arm * scale * _hanging(side, raised)
    wrist = elbow + body.forearm * scale * _hanging(side, raised + bend)
    along = _hanging(side, raised + bend + turn)
    return Arm(shoulder=shoulder, elbow=elbow, wrist=wrist, along=along)


def _leg(
    body: Proportions, tilt: float, width: float, side: int, angles: tuple[float, float, float]
) -> Leg:
    spread, bend, lift = angles
    scale = body.height
    hip = side * body.hips * width * cmath.exp(1j * tilt)
    knee = hip + body.thigh * scale * (1 - 0.6 * lift) * _hanging(side, spread)
    ankle = knee + body.shin * scale * (1 - 0.2 * lift) * _hanging(side, spread - bend)
    toe = ankle + scale * complex(side * 0.035, 0.022)
    return Leg(hip=hip, knee=knee, ankle=ankle, toe=toe)


def _moved(leg: Leg, offset: complex) -> Leg:
    return Leg(
        hip=leg.hip + offset,
        knee=leg.knee + offset,
        ankle=leg.ankle + offset,
        toe=leg.toe + offset,
    )
