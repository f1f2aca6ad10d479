"""Is the result nearest to the right one of 16 true renderings?

Pose retrieval: the same person in 16 poses. Identity retrieval: 16 people in the same pose, who
wear the same colours in other places or the same print elsewhere, chosen for the nearest colour
histograms, so that colours do not tell the person. (Of a copied picture they still do: its colours
are the person's own to the last shade.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..data.dancers.clips import Scene, free_posture
from ..data.dancers.person import Dancer, Place, move_print, swap_colours

Pixels = NDArray[np.uint8]
CANDIDATES = 16
_HISTOGRAM_BINS = 8
_OTHERS, _FIRST_OTHER_POSE = 3, 1000
_DRAWN = 192
_VISIBLY_DIFFERENT = 12.0  # of 255, mean inside the person


@dataclass(frozen=True)
class Candidate:
    """A true rendering and where its person is.

    Attributes:
        picture: (S, S, 3) uint8.
        person: (S, S) bool.
    """

    picture: Pixels
    person: NDArray[np.bool_]


def candidate(scene: Scene, size: int) -> Candidate:
    """Render a candidate; the person is what does not change with the place."""
    black, white = (
        _before(scene, Place(kind="plain", far=colour, near=colour, horizon=1.0)).picture(size)
        for colour in ((0, 0, 0), (255, 255, 255))
    )
    person = np.abs(white.astype(np.int16) - black).max(axis=2) < 128
    return Candidate(scene.picture(size), person)


def _before(scene: Scene, place: Place) -> Scene:
    return replace(scene, dancer=replace(scene.dancer, place=place))


def same_person(scene: Scene, index: int, size: int) -> list[Candidate]:
    """Render a person in the right pose (first) and in 15 others."""
    others = [
        free_posture(index, _FIRST_OTHER_POSE + number, "heldout")
        for number in range(1, CANDIDATES)
    ]
    postures = (scene.posture, *others)
    return [candidate(replace(scene, posture=posture), size) for posture in postures]


def same_pose(scene: Scene, index: int, size: int) -> list[Candidate]:
    """Render the right person (first) and 15 others in the same pose.

    The others are those, of many in the same colours, whose histogram is nearest, as long as they
    look different.
    """
    rng = np.random.default_rng((_OTHERS, index))
    small = size // 2  # large enough for a histogram
    right = candidate(scene, small)
    wanted = _histogram(right.picture)
    distances: dict[bytes, tuple[float, Scene]] = {}  # by picture, so that none comes twice
    for number in range(_DRAWN):
        other = replace(scene, dancer=_in_the_same_colours(scene.dancer, number, rng))
        picture = other.picture(small)
        if _error(picture, right) >= _VISIBLY_DIFFERENT:
            distances[picture.tobytes()] = (_distance(_histogram(picture), wanted), other)
    nearest = sorted(distances.values(), key=lambda found: found[0])[: CANDIDATES - 1]
    return [candidate(other, size) for other in (scene, *(other for _, other in nearest))]


def _in_the_same_colours(dancer: Dancer, number: int, rng: np.random.Generator) -> Dancer:
    return move_print(dancer, rng) if number % 3 else swap_colours(dancer, rng)


def finds_the_right_one(result: Pixels, candidates: Sequence[Candidate]) -> bool:
    """Tell whether the first candidate is the nearest, by the pixel error inside each person."""
    return int(np.argmin([_error(result, one) for one in candidates])) == 0


def histogram_finds_the_right_one(result: Pixels, candidates: Sequence[Candidate]) -> bool:
    """Tell whether the first candidate has the nearest colour histogram: the baseline to beat."""
    wanted = _histogram(result)
    distances = [_distance(_histogram(one.picture), wanted) for one in candidates]
    return int(np.argmin(distances)) == 0


def _error(result: Pixels, one: Candidate) -> float:
    return float(np.abs(result.astype(np.int16) - one.picture)[one.person].mean())


def _distance(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.abs(first - second).sum())


def _histogram(picture: Pixels) -> NDArray[np.float32]:
    bins = [_HISTOGRAM_BINS] * 3
    counts: NDArray[np.float32] = cv2.calcHist(
        [picture], [0, 1, 2], None, bins, [0, 256, 0, 256, 0, 256]
    )
    return counts / counts.sum()
