"""Make a face more or less expressive than the driver's, about the person's own neutral."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeletons import FACE
from .body_tree import Mask, Points
from .part_ratios import STILL_FACE

_FEWEST = 4  # points of the still face that tell how a head is turned
_PUPILS = [FACE.index("right_pupil_0"), FACE.index("left_pupil_0")]
_MOVING = np.setdiff1d(np.arange(len(FACE)), [*STILL_FACE, *_PUPILS])


def scale_expression(face: Points, seen: Mask, strength: float) -> Points:
    """Multiply the offsets of a face from its neutral: the median over the clip.

    Frames are compared with the head's place, size and turn in the picture taken out, by the points
    that no expression moves. Those points and the pupils stay where they are, so that the gaze is
    the driver's at any strength; timing stays, too, so that blinks remain blinks.

    Args:
        face: (F, 70, 2) places in pixels.
        seen: (F, 70), which of them were seen.
        strength: 0 gives the neutral face, 1 the driver's, more exaggerates.
    """
    points = face[..., 0] + 1j * face[..., 1]
    still = np.array(STILL_FACE)
    frames = np.flatnonzero(seen[:, still].all(axis=1))
    if strength == 1 or len(frames) == 0 or len(still) < _FEWEST:
        return face
    shapes = points[frames]
    middle = shapes[:, still].mean(axis=1, keepdims=True)
    offsets = shapes - middle
    template = offsets[0, still]
    # The turn and the scale of least squares from the first frame's still points, as one number.
    turn = (offsets[:, still] @ template.conj() / np.vdot(template, template).real)[:, None]
    level = offsets / turn
    neutral = _median(level, seen[frames])
    level[:, _MOVING] = (neutral + strength * (level - neutral))[:, _MOVING]
    scaled = points.copy()
    scaled[frames] = np.where(seen[frames], level * turn + middle, shapes)
    return np.stack([scaled.real, scaled.imag], axis=-1)


def _median(values: NDArray[np.complex128], seen: Mask) -> NDArray[np.complex128]:
    """Return the median (K,) of the seen ones of (F, K) points, 0 where none is."""
    known = seen.any(axis=0)
    hidden = np.where(seen, values, np.nan + 1j * np.nan)[:, known]
    median = np.zeros(values.shape[1], np.complex128)
    median[known] = np.nanmedian(hidden.real, axis=0) + 1j * np.nanmedian(hidden.imag, axis=0)
    return median
