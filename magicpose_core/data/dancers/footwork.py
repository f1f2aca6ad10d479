"""Steps that do not slide: feet are planted or swing, and the legs follow by inverse kinematics.

Between two swings a foot stands at one place of the world to the last bit, so contacts are exact.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bodies import Proportions
from .figure import GROUND, SOLE
from .motion import Posture

_BEATS = 4  # swings in a loop, right and left in turn
_SWING = (0.15, 0.85)  # of a beat
_SIDES = (-1, 1)  # the dancer's right and left foot
_REACH = 0.995  # of a straight leg
_KNEE_SHORTENS, _SHIN_SHORTENS = 0.6, 0.2  # see figure._leg


@dataclass(frozen=True, kw_only=True)
class Footwork:
    """Where the feet of a dance go, in leg lengths.

    Attributes:
        places: (4, 2) right and left foot beside the dancer's middle at the start of each beat;
            one foot moves in a beat, right and left in turn, and the last beat ends at the first.
        height: How far a swinging foot is lifted.
        crouch: How far the knees give between two beats.
        sway: How far the hips swing over the feet.
        travel: Picture heights that the dancer walks to picture right in one loop.
    """

    places: NDArray[np.float64]
    height: float
    crouch: float
    sway: float
    travel: float = 0.0


def draw_footwork(rng: np.random.Generator, travel: float = 0.0) -> Footwork:
    """Draw a dance of small steps."""
    stance = rng.uniform(0.12, 0.32)
    right, left = -stance + rng.uniform(-0.14, 0.1, 2), stance + rng.uniform(-0.1, 0.14, 2)
    places = np.array(
        [[right[0], left[0]], [right[1], left[0]], [right[1], left[1]], [right[0], left[1]]]
    )
    return Footwork(
        places=places,
        height=rng.uniform(0.08, 0.2),
        crouch=rng.uniform(0.02, 0.1),
        sway=rng.uniform(0.0, 0.08),
        travel=travel,
    )


def contacts_at(moment: float) -> tuple[bool, bool]:
    """Tell whether the right and the left foot are planted at a moment in turns."""
    _, foot, share = _beat(moment)
    swings = 0 < share < 1
    return (not (swings and foot == 0), not (swings and foot == 1))


def step(body: Proportions, posture: Posture, footwork: Footwork, moment: float) -> Posture:
    """Give a posture the legs of a moment of the dance, and the place that they carry it to.

    Args:
        body: Whose legs.
        posture: All that is not legs or place is kept; its knees bend as far as the ground lets
            them.
        footwork: The dance.
        moment: In turns. Beyond 0..1 the loop goes on where its travel has led.
    """
    leg = (body.thigh + body.shin) * body.height
    feet = _feet(footwork, leg, moment)
    middle = 0.5 + (feet[0].real + feet[1].real) / 2
    middle += footwork.sway * leg * math.sin(4 * math.pi * moment)
    ankles = [complex(0.5 + foot.real - middle, foot.imag) for foot in feet]
    hips = [_hip(body, posture, side) for side in _SIDES]
    rise = leg * (0.97 - footwork.crouch * (1 + math.cos(8 * math.pi * moment)) / 2)
    for ankle, hip in zip(ankles, hips, strict=True):
        across = ankle.real - hip.real
        highest = math.sqrt(max(0.0, (_REACH * leg) ** 2 - across**2)) + hip.imag - ankle.imag
        rise = min(rise, highest)
    right, left = (
        _leg_angles(body, ankle + 1j * rise - hip, side, bend)
        for ankle, hip, side, bend in zip(
            ankles, hips, _SIDES, (posture.right_knee, posture.left_knee), strict=True
        )
    )
    return posture._replace(
        sway=middle - 0.5,
        right_leg=right[0],
        right_knee=right[1],
        right_lift=right[2],
        left_leg=left[0],
        left_knee=left[1],
        left_lift=left[2],
    )


def _beat(moment: float) -> tuple[int, int, float]:
    """Number of the beat, the foot that moves in it, and the share 0..1 of its way done."""
    place = moment * _BEATS
    beat = math.floor(place)
    start, end = _SWING
    share = min(1.0, max(0.0, (place - beat - start) / (end - start)))
    return beat, beat % 2, share


def _feet(footwork: Footwork, leg: float, moment: float) -> list[complex]:
    """Places of both ankles in picture heights beside the middle; up is negative, ground is 0."""
    beat, moving, share = _beat(moment)
    feet = []
    for foot in range(2):
        start = _place(footwork, leg, beat, foot)
        if foot != moving or share == 0:
            feet.append(complex(start, 0))
            continue
        end = _place(footwork, leg, beat + 1, foot)
        eased = share * share * (3 - 2 * share)
        lifted = footwork.height * leg * math.sin(math.pi * share) ** 2 if share < 1 else 0.0
        feet.append(complex(end if share == 1 else start + (end - start) * eased, -lifted))
    return feet


def _place(footwork: Footwork, leg: float, beat: int, foot: int) -> float:
    """Where a foot stands at the start of a beat."""
    moves = (beat + 1 - foot) // 2  # swings that this foot has done by then
    walked = footwork.travel * moves / (_BEATS / 2)
    return float(footwork.places[beat % _BEATS, foot]) * leg + walked


def _hip(body: Proportions, posture: Posture, side: int) -> complex:
    width = body.height * math.cos(posture.turn)
    return side * body.hips * width * cmath.exp(0.5j * posture.lean)


def _leg_angles(
    body: Proportions, reach: complex, side: int, bend: float
) -> tuple[float, float, float]:
    """Solve for the angle, bend and lift with which ``figure._leg`` reaches from hip to ankle."""
    thigh, shin, distance = body.thigh * body.height, body.shin * body.height, abs(reach)
    both = thigh * shin
    straightest = (distance**2 - thigh**2 - shin**2) / (2 * both)
    cosine = min(1.0, max(math.cos(bend), straightest))
    bend = math.acos(cosine)
    # (thigh (1 - 0.6 lift))^2 + (shin (1 - 0.2 lift))^2 + 2 cos(bend) thigh shin ... = distance^2
    square = (_KNEE_SHORTENS * thigh) ** 2 + (_SHIN_SHORTENS * shin) ** 2
    square += 2 * cosine * both * _KNEE_SHORTENS * _SHIN_SHORTENS
    linear = -2 * _KNEE_SHORTENS * thigh**2 - 2 * _SHIN_SHORTENS * shin**2
    linear -= 2 * cosine * both * (_KNEE_SHORTENS + _SHIN_SHORTENS)
    constant = max(0.0, thigh**2 + shin**2 + 2 * cosine * both - distance**2)
    root = math.sqrt(max(0.0, linear**2 - 4 * square * constant))
    lift = 2 * constant / (-linear + root)
    upper, lower = thigh * (1 - _KNEE_SHORTENS * lift), shin * (1 - _SHIN_SHORTENS * lift)
    within = cmath.phase(upper + lower * cmath.exp(1j * bend))
    return within - side * (cmath.phase(reach) - math.pi / 2), bend, lift


def foot_slip(ankles: Sequence[complex], contacts: Sequence[bool]) -> float:
    """Measure how far a foot moves while it is planted, at most, in the unit of the places.

    Args:
        ankles: Place of the ankle in each frame.
        contacts: Whether the foot is planted there.
    """
    slips, start = [0.0], None
    for place, planted in zip(ankles, contacts, strict=True):
        start = place if planted and start is None else start if planted else None
        slips.append(abs(place - start) if start is not None else 0.0)
    return max(slips)


def ground_ankle(body: Proportions) -> float:
    """Give the height y of a planted ankle in the world."""
    return GROUND - SOLE * body.height
