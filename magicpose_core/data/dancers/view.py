"""Which part of a dancer's world a picture shows: full length, three quarters, or waist up.

The world is a square of side 1 in which the dancer stands on the ground; points are complex numbers
x + iy, x to the right and y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .bodies import Proportions
from .figure import GROUND
from .framing import Shot

_Points = TypeVar("_Points", complex, NDArray[np.complexfloating[Any, Any]])
_HEAD_SHARE: dict[Shot, tuple[float, float]] = {
    "three_quarter": (0.26, 0.34),
    "waist": (0.34, 0.45),
}
_HEADROOM = (0.06, 0.15)  # above the crown, in picture heights
_ASIDE = 0.07  # farthest that the dancer's place is from the middle, in picture widths


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera that stands upright before the world.

    Attributes:
        centre: What lies in the middle of the picture.
        zoom: Picture heights a world height; 1 shows all of the world, 2 a half of its height.
    """

    centre: complex = 0.5 + 0.5j
    zoom: float = 1.0

    def to_picture(self, points: _Points) -> _Points:
        """Map points of the world into the picture, whose sides are 1 as well."""
        return (points - self.centre) * self.zoom + (0.5 + 0.5j)

    def to_world(self, points: _Points) -> _Points:
        """Map points of the picture into the world."""
        return (points - (0.5 + 0.5j)) / self.zoom + self.centre

    def panned(self, offset: complex) -> View:
        """Move the camera by an offset in world heights; the picture moves the other way."""
        return View(centre=self.centre + offset, zoom=self.zoom)


FULL_LENGTH = View()
"""The whole world, as the first dancers were drawn."""


def draw_view(body: Proportions, shot: Shot, rng: np.random.Generator) -> View:
    """Draw a view of a dancer who stands in the middle of the world.

    Close views are told by the share of the picture's height that the head has: 26 to 34 % in
    three quarters, 34 to 45 % waist up; no view shows more than the whole world.

    Args:
        body: Says how large the head is and where the crown.
        shot: How close.
        rng: Draws the rest.
    """
    share = rng.uniform(*_HEAD_SHARE.get(shot, (0.0, 0.0)))
    headroom = rng.uniform(*_HEADROOM)
    aside = rng.uniform(-_ASIDE, _ASIDE)
    zoom = max(1.0, share / (body.head * body.height))
    if zoom == 1.0:
        return FULL_LENGTH
    crown = GROUND - body.height
    return View(centre=complex(0.5 + aside / zoom, crown + (0.5 - headroom) / zoom), zoom=zoom)
