"""Where the parts of a face and the joints of a hand are: the exact OpenPose landmarks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .bodies import Proportions
from .figure import Arm, Figure
from .motion import Posture

Points = NDArray[np.complex128]
FACE_WIDTH = 0.84
EYE = complex(0.42, 0.02)
EYE_WIDTH = 0.2
EYE_HEIGHT = 0.17
MOUTH = 0.52
_EYE_CORNERS = np.exp(1j * np.pi * np.array([1.0, 1.33, 1.67, 0.0, 0.33, 0.67]))
_JAW = np.linspace(math.pi, 0.0, 17)
_FINGERS = np.radians([-58.0, -24.0, -8.0, 8.0, 24.0])
_KNUCKLES = np.array([0.45, 0.63, 0.81, 1.0])


def on_head(figure: Figure, points: Points) -> Points:
    """Map points of the front of a unit head (x right, y down) into the picture, turned by yaw.

    The head is a unit sphere: a turn moves its front sideways and hides its far side.
    """
    depth = np.sqrt(np.clip(1.0 - points.real**2 - (points.imag * 0.6) ** 2, 0.0, 1.0))
    turned = points.real * math.cos(figure.yaw) + depth * math.sin(figure.yaw)
    across = figure.head_up * 1j
    return (
        figure.head
        + figure.head_radius * FACE_WIDTH * across * turned
        - figure.head_radius * figure.head_up * points.imag
    )


def ears_seen(figure: Figure) -> tuple[bool, bool]:
    """Tell whether the dancer's right and left ear face the viewer."""
    return (figure.yaw > -0.25, figure.yaw < 0.25)


def mouth_outline(posture: Posture, size: float) -> Points:
    """Return the 12 outer (size 1) or 8 inner (size below 1) lip points on the unit head."""
    count = 12 if size == 1.0 else 8
    angle = np.pi + 2 * np.pi * np.arange(count) / count
    half_width = (0.27 + 0.08 * posture.smile - 0.05 * posture.mouth) * size
    half_height = (0.06 + 0.2 * posture.mouth) * size
    x = half_width * np.cos(angle)
    bend = -0.2 * posture.smile * ((x / 0.3) ** 2 - 0.4)
    return x + 1j * (MOUTH + half_height * np.sin(angle) + bend)


def eye_outline(posture: Posture, side: int) -> Points:
    """Return the 6 lid points of one eye on the unit head; side -1 is the dancer's right."""
    openness = 1.0 - posture.blink
    x = EYE_WIDTH * _EYE_CORNERS.real
    y = EYE_HEIGHT * openness * _EYE_CORNERS.imag
    return side * EYE.real + x + 1j * (EYE.imag + y)


def brow(posture: Posture, side: int) -> Points:
    """Return the 5 points of a brow on the unit head, from picture left to right."""
    x = np.linspace(-0.24, 0.24, 5)
    frown = max(0.0, -posture.brows)  # its inner ends fall
    y = -0.33 - 0.09 * posture.brows + 0.7 * x**2 - 0.3 * frown * side * x
    return side * EYE.real + x + 1j * (EYE.imag + y)


def pupil(posture: Posture, side: int) -> complex:
    """Return the centre of a pupil on the unit head."""
    gaze = complex(0.09 * posture.gaze_x, 0.07 * posture.gaze_y)
    return side * EYE.real + gaze + 1j * EYE.imag


def face_landmarks(figure: Figure, posture: Posture) -> Points:
    """Return the 70 face points of OpenPose: 68 of iBUG 300-W and both pupils."""
    jaw = 0.97 * np.cos(_JAW) + 1j * 0.97 * np.sin(_JAW)
    bridge = 1j * np.linspace(0.0, 0.24, 4)
    nostrils = np.linspace(-0.12, 0.12, 5) + 0.3j
    points = np.concatenate(
        [
            jaw,
            brow(posture, -1),
            brow(posture, 1),
            bridge,
            nostrils,
            eye_outline(posture, -1),
            eye_outline(posture, 1),
            mouth_outline(posture, 1.0),
            mouth_outline(posture, 0.6),
            [pupil(posture, -1), pupil(posture, 1)],
        ]
    )
    return on_head(figure, points)


def hand_landmarks(body: Proportions, posture: Posture, arm: Arm, side: int) -> Points:
    """Return the 21 hand points of OpenPose: the wrist, then 4 joints from thumb to little finger.

    Args:
        body: Gives the hand's length.
        posture: ``fingers`` spreads them.
        arm: The arm that ends in this hand.
        side: -1 for the dancer's right hand, whose thumb is nearer to the body when the arm hangs.
    """
    spread = side * _FINGERS * (0.5 + 0.7 * posture.fingers)
    rays = arm.along * np.exp(1j * spread)
    length = np.array([0.75, 0.95, 1.0, 0.95, 0.8]) * body.hand * body.height
    joints = arm.wrist + (rays * length)[:, None] * _KNUCKLES
    return np.concatenate([[arm.wrist], joints.reshape(-1)])
