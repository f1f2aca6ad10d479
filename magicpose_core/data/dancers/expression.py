"""What a face does, apart from what the body does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .motion import Posture

_FACES_IN_A_CLIP = 5


class Expression(NamedTuple):
    """The face of a posture; 0 everywhere is the neutral face.

    ``gaze_x`` and ``gaze_y`` (to picture right and down), ``smile`` (below 0: the corners fall) and
    ``brows`` (below 0: a frown) lie in -1..1, ``blink`` (1: closed) and ``mouth`` (1: wide open) in
    0..1.
    """

    gaze_x: float = 0.0
    gaze_y: float = 0.0
    blink: float = 0.0
    mouth: float = 0.0
    smile: float = 0.0
    brows: float = 0.0


EXPRESSIONS: dict[str, Expression] = {
    "neutral": Expression(),
    "smile": Expression(smile=1.0),
    "grin": Expression(smile=1.0, mouth=0.6),
    "laugh": Expression(smile=1.0, mouth=1.0, blink=1.0, brows=0.5),
    "bliss": Expression(smile=1.0, blink=1.0),
    "asleep": Expression(blink=1.0),
    "yawn": Expression(blink=1.0, mouth=1.0),
    "frown": Expression(smile=-0.8, brows=-1.0),
    "sad": Expression(smile=-1.0, gaze_y=0.8, brows=0.6),
    "surprise": Expression(mouth=0.9, brows=1.0),
    "shout": Expression(mouth=1.0, smile=-0.3, brows=-1.0),
    "talk": Expression(mouth=0.45),
    "look left": Expression(gaze_x=-1.0),
    "look right": Expression(gaze_x=1.0),
    "look up": Expression(gaze_y=-1.0, brows=0.4),
    "look down": Expression(gaze_y=1.0),
}
"""Faces that a stranger tells apart."""

_NEAR = 0.25
_LOW = np.array([-1.0, -1.0, 0.0, 0.0, -1.0, -1.0])
_HALF_OPEN = 0.5


def expression_of(posture: Posture) -> Expression:
    """Give the face of a posture."""
    return Expression(*(getattr(posture, name) for name in Expression._fields))


def with_expression(posture: Posture, expression: Expression) -> Posture:
    """Give the posture another face and leave the body as it is."""
    return posture._replace(**expression._asdict())


def draw_expression(rng: np.random.Generator) -> Expression:
    """Draw a face: near one that has a name, or anything at all.

    Eyes are seldom half closed, as they seldom are.
    """
    named = tuple(EXPRESSIONS.values())[rng.integers(len(EXPRESSIONS))]
    near = np.array(named) + rng.uniform(-_NEAR, _NEAR, len(named))
    free = rng.uniform(_LOW, 1.0)
    values = np.clip(free if rng.random() < 1 / 3 else near, _LOW, 1.0)
    drawn = Expression(*values.tolist())
    return drawn._replace(blink=1.0 if drawn.blink > _HALF_OPEN else 0.4 * drawn.blink)


def draw_faces(rng: np.random.Generator) -> list[Expression]:
    """Draw the five named expressions that a clip passes through, none twice."""
    names = rng.choice(list(EXPRESSIONS), _FACES_IN_A_CLIP, replace=False)
    return [EXPRESSIONS[name] for name in names]


def blend(keys: Sequence[Expression], moment: float) -> Expression:
    """Pass through faces in a loop: each is held for a while, the change between two is smooth.

    Args:
        keys: The faces.
        moment: In turns; 0 and 1 are the first face.
    """
    place = (moment % 1.0) * len(keys)
    index = int(place)
    share = float(np.clip((place - index - 0.5) / 0.5, 0.0, 1.0))  # holds, then changes
    share = share * share * (3 - 2 * share)
    first, second = np.array(keys[index]), np.array(keys[(index + 1) % len(keys)])
    return Expression(*(first + (second - first) * share).tolist())
