"""Which surface each pixel of a dancer shows, and how a surface moves between two frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .features import Points
from .paint import Canvas, Paint
from .view import View

PLACE = 0
"""Number of what is behind everything."""

Key = tuple[str, str, int]  # part of the dancer, kind of shape, how many of that kind came before


@dataclass(frozen=True, kw_only=True)
class Affine:
    """The map z -> a z + b conj(z) + c of the plane."""

    a: complex = 1 + 0j
    b: complex = 0j
    c: complex = 0j

    def __call__(self, points: Points) -> Points:
        """Map points."""
        return self.a * points + self.b * points.conj() + self.c


@dataclass(frozen=True, kw_only=True)
class Oval:
    """A shape with two axes: an ellipse, or a limb with the first axis along it."""

    centre: complex
    axes: complex
    along: complex

    def motion_to(self, other: Oval) -> Affine:
        """Give the map that takes this shape onto the other, axis onto axis."""
        first, second = other.axes.real / self.axes.real, other.axes.imag / self.axes.imag
        a = other.along * self.along.conjugate() * (first + second) / 2
        b = other.along * self.along * (first - second) / 2
        return Affine(a=a, b=b, c=other.centre - a * self.centre - b * self.centre.conjugate())


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A shape told by its points: a polygon, a line (stiff), or cloth with its own two axes."""

    points: Points
    stiff: bool

    def motion_to(self, other: Outline) -> Affine | None:
        """Give the map that takes these points nearest to the others; None for other numbers.

        A polygon is stretched and sheared as well; what is stiff is only turned and scaled.
        """
        if len(self.points) != len(other.points):
            return None
        ones = np.ones_like(self.points)
        columns = [self.points, ones] if self.stiff else [self.points, self.points.conj(), ones]
        found = np.linalg.lstsq(np.stack(columns, axis=1), other.points, rcond=1e-9)[0]
        a, b, c = (found[0], 0j, found[1]) if self.stiff else found
        return Affine(a=complex(a), b=complex(b), c=complex(c))


Shape = Oval | Outline


class SurfaceCanvas(Canvas):
    """Paints the number of each shape instead of its colour and remembers the shapes.

    Attributes:
        shapes: Key -> shape, in the order of painting; the number of the first is 1.
    """

    _line_type = cv2.LINE_8

    def __init__(self, size: int, view: View) -> None:
        super().__init__(np.full((size, size), PLACE, np.int32), view)
        self.shapes: dict[Key, Shape] = {}
        self._part = ""
        self._within: int | None = None

    def begin(self, part: str) -> None:
        """Say which part is painted next."""
        self._part = part

    def polygon(self, points: Points | Sequence[complex], colour: Paint) -> None:
        """Fill a simple polygon."""
        shape = Outline(points=np.asarray(points, np.complex128), stiff=False)
        super().polygon(points, self._number("polygon", shape))

    def ellipse(self, centre: complex, radii: complex, along: complex, colour: Paint) -> None:
        """Fill an ellipse."""
        axes = complex(abs(radii.real), abs(radii.imag))
        shape = Oval(centre=centre, axes=axes, along=along)
        super().ellipse(centre, radii, along, self._number("ellipse", shape))

    def limb(
        self, ends: tuple[complex, complex], radii: tuple[float, float], colour: Paint
    ) -> None:
        """Fill a limb."""
        way = ends[1] - ends[0]
        length = abs(way)
        along = way / length if length > 1e-6 else 1 + 0j
        axes = complex(max(length, 1e-6), radii[0])
        self._within = self._number("limb", Oval(centre=ends[0], axes=axes, along=along))
        super().limb(ends, radii, colour)
        self._within = None

    def line(self, points: Points | Sequence[complex], width: float, colour: Paint) -> None:
        """Draw a line."""
        shape = Outline(points=np.asarray(points, np.complex128), stiff=True)
        super().line(points, width, self._number("line", shape))

    def cloth(
        self,
        outline: Points,
        frame: tuple[complex, complex],
        is_accent: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]],
        accent: Paint,
    ) -> None:
        """Fill the outline of a garment; its surface moves as the print does."""
        origin, unit = frame
        shape = Outline(points=np.array([origin, origin + unit]), stiff=True)
        ground = self._number("cloth", shape)
        super().polygon(outline, ground)
        rows, columns = np.nonzero(self.pixels == ground)
        local = (self._view.to_world((columns + 1j * rows) / self.size) - origin) / unit
        printed = is_accent(local.real, local.imag)
        self.pixels[rows[printed], columns[printed]] = self._number("print", shape)

    def _number(self, kind: str, shape: Shape) -> int:
        if self._within is not None:
            return self._within
        count = sum(1 for key in self.shapes if key[:2] == (self._part, kind))
        self.shapes[(self._part, kind, count)] = shape
        return len(self.shapes)


def motion_between(first: Shape, second: Shape) -> Affine | None:
    """Give the motion of a surface from one frame to another; None where it cannot be told."""
    if isinstance(first, Oval) and isinstance(second, Oval):
        return first.motion_to(second)
    if isinstance(first, Outline) and isinstance(second, Outline):
        return first.motion_to(second)
    return None
