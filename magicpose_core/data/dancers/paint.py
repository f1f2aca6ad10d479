"""Antialiased shapes on a canvas, in world heights instead of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .features import Points
from .person import Colour
from .view import FULL_LENGTH, View

Pixels = NDArray[np.uint8]
Paint = Colour | int  # an int where shapes are numbered instead of coloured
_FRACTION_BITS = 4
_SUBPIXELS = 1 << _FRACTION_BITS


class Canvas:
    """A square picture, painted at twice its size and reduced once at the end.

    Args:
        background: (2S, 2S, 3) uint8; it is painted over.
        view: Which part of the world the picture shows.
    """

    _line_type = cv2.LINE_AA

    def __init__(self, background: NDArray[Any], view: View = FULL_LENGTH) -> None:
        self.pixels = background
        self.size = background.shape[0]
        self._view = view

    def begin(self, part: str) -> None:
        """Say which part of the dancer is painted next; a canvas of colours has no use for it.

        Args:
            part: Its name, which comes once a picture.
        """

    def finished(self) -> Pixels:
        """Return the picture at half the canvas' size, (S, S, 3) uint8."""
        half = self.size // 2
        return cv2.resize(self.pixels, (half, half), interpolation=cv2.INTER_AREA)

    def polygon(self, points: Points | Sequence[complex], colour: Paint) -> None:
        """Fill a simple polygon."""
        cv2.fillPoly(self.pixels, [self._fixed(points)], colour, self._line_type, _FRACTION_BITS)

    def disc(self, centre: complex, radius: float, colour: Paint) -> None:
        """Fill a circle."""
        self.ellipse(centre, complex(radius, radius), 0j + 1, colour)

    def ellipse(self, centre: complex, radii: complex, along: complex, colour: Paint) -> None:
        """Fill an ellipse whose first radius lies along a unit vector, the second across it."""
        angle = float(np.degrees(np.angle(along)))
        cv2.ellipse(
            self.pixels,
            self._fixed_pair(centre),
            self._fixed_radii(radii),
            angle,
            0,
            360,
            colour,
            -1,
            self._line_type,
            _FRACTION_BITS,
        )

    def limb(
        self, ends: tuple[complex, complex], radii: tuple[float, float], colour: Paint
    ) -> None:
        """Fill a limb that tapers between two round ends."""
        start, end = ends
        along = end - start
        if abs(along) > 1e-6:
            across = along / abs(along) * 1j
            first, last = radii
            self.polygon(
                (
                    start + across * first,
                    end + across * last,
                    end - across * last,
                    start - across * first,
                ),
                colour,
            )
        for place, radius in zip(ends, radii, strict=True):
            self.disc(place, radius, colour)

    def line(self, points: Points | Sequence[complex], width: float, colour: Paint) -> None:
        """Draw a round open line."""
        thickness = max(1, round(width * self._view.zoom * self.size))
        cv2.polylines(
            self.pixels,
            [self._fixed(points)],
            False,
            colour,
            thickness,
            self._line_type,
            _FRACTION_BITS,
        )

    def cloth(
        self,
        outline: Points,
        frame: tuple[complex, complex],
        is_accent: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]],
        accent: Paint,
    ) -> None:
        """Print a pattern on the part of the picture inside an outline.

        Args:
            outline: Polygon that bounds the cloth.
            frame: Origin of the cloth's own coordinates and the vector of their length 1 along x;
                y points a quarter turn clockwise from x, so the pattern moves with the body.
            is_accent: Tells for coordinates (H, W) which points have the second colour.
            accent: That second colour.
        """
        corners = self._fixed(outline)[:, 0] >> _FRACTION_BITS
        left, top = np.clip(corners.min(axis=0) - 1, 0, self.size)
        right, bottom = np.clip(corners.max(axis=0) + 2, 0, self.size)
        if right <= left or bottom <= top:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        shifted = self._fixed(outline) - np.array([left, top], np.int32) * _SUBPIXELS
        cv2.fillPoly(mask, [shifted.astype(np.int32)], 255, cv2.LINE_AA, _FRACTION_BITS)
        y, x = np.mgrid[top:bottom, left:right] / self.size
        origin, unit = frame
        local = (self._view.to_world(x + 1j * y) - origin) / unit
        mask[~is_accent(local.real, local.imag)] = 0
        box = self.pixels[top:bottom, left:right]
        share = mask[..., None].astype(np.float32) / 255
        box[:] = (box + (np.array(accent, np.float32) - box) * share + 0.5).astype(np.uint8)

    def _fixed(self, points: Points | Sequence[complex]) -> NDArray[np.int32]:
        places = self._view.to_picture(np.asarray(points, np.complex128))
        values = places * self.size * _SUBPIXELS
        return np.stack([values.real, values.imag], axis=-1).round().astype(np.int32)[:, None]

    def _fixed_pair(self, point: complex) -> tuple[int, int]:
        place = self._view.to_picture(point) * self.size * _SUBPIXELS
        return round(place.real), round(place.imag)

    def _fixed_radii(self, radii: complex) -> tuple[int, int]:
        factor = self._view.zoom * self.size * _SUBPIXELS
        return round(abs(radii.real) * factor), round(abs(radii.imag) * factor)


def shaded(colour: Colour, factor: float) -> Colour:
    """Darken (factor below 1) or lighten a colour."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return (red, green, blue)
