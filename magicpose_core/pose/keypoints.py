"""Keypoints, persons and pose sequences: immutable, checked once, trusted afterwards."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .skeletons import PARTS

USUAL_FPS = 30.0  # where nobody says
_LARGEST_SIDE = 16_384  # a map of this size fills 0.8 GB


@dataclass(frozen=True, eq=False, slots=True)
class Keypoints:
    """K points in a picture.

    Attributes:
        xy: (K, 2) float32, x as a fraction of the width and y of the height. Points of a limb that
            leaves the picture may lie outside 0..1.
        score: (K,) float32 in 0..1; 0 means absent, and the place of an absent point is (0, 0).
    """

    xy: NDArray[np.float32]
    score: NDArray[np.float32]

    def __post_init__(self) -> None:
        xy = np.array(self.xy, dtype=np.float32)
        score = np.array(self.score, dtype=np.float32)
        if xy.ndim != 2 or xy.shape[1] != 2 or score.shape != xy.shape[:1]:
            raise InputError(
                f"keypoints must be xy (K, 2) and score (K,), got {xy.shape} and {score.shape}"
            )
        if not (np.all(score >= 0) and np.all(score <= 1)):
            raise InputError(
                "keypoint scores must lie in 0..1 (0 means absent), got "
                f"{_first(score, ~((score >= 0) & (score <= 1)))}"
            )
        xy[score == 0] = 0
        if not np.isfinite(xy).all():
            bad = _first(xy, ~np.isfinite(xy))
            raise InputError(f"keypoint places must be numbers, got {bad}; give it score 0 instead")
        xy.flags.writeable = score.flags.writeable = False
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "score", score)

    @classmethod
    def from_pixels(
        cls, pixels: ArrayLike, score: ArrayLike, width: float, height: float
    ) -> Keypoints:
        """Make keypoints from (K, 2) places in pixels of a picture of that size."""
        places = np.asarray(pixels, np.float64) / (width, height)
        with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
            return cls(places.astype(np.float32), np.asarray(score, np.float32))

    @classmethod
    def absent(cls, count: int) -> Keypoints:
        """Give ``count`` points of which none was seen; they are the same for all."""
        return _absent(count)

    def pixels(self, width: float, height: float) -> NDArray[np.float64]:
        """Return the places (K, 2) in pixels of a picture of that size."""
        return self.xy.astype(np.float64) * (width, height)

    def visible(self, score_threshold: float = 0.0) -> NDArray[np.bool_]:
        """Return a (K,) mask of the points that were seen with at least this score."""
        return (self.score > 0) & (self.score >= np.float32(score_threshold))

    def __len__(self) -> int:
        return len(self.score)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Keypoints):
            return NotImplemented
        return np.array_equal(self.xy, other.xy) and np.array_equal(self.score, other.score)

    def __hash__(self) -> int:
        return hash((self.xy.tobytes(), self.score.tobytes()))


@functools.cache
def _absent(count: int) -> Keypoints:
    return Keypoints(np.zeros((count, 2), np.float32), np.zeros(count, np.float32))


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonPose:
    """One person in one picture; parts that were not looked for, or not found, are None.

    Attributes:
        body: 18 OpenPose points, the neck at 1.
        left_hand: 21 points of the person's left hand.
        right_hand: 21 points of the person's right hand.
        face: 68 iBUG points and the two pupils.
        feet: 6 points: big toe, small toe, heel, left then right.
    """

    body: Keypoints
    left_hand: Keypoints | None = None
    right_hand: Keypoints | None = None
    face: Keypoints | None = None
    feet: Keypoints | None = None

    def __post_init__(self) -> None:
        for part, points in self.parts():
            if len(points) != len(PARTS[part]):
                raise InputError(f"{part} must have {len(PARTS[part])} points, got {len(points)}")

    def parts(self) -> Iterator[tuple[str, Keypoints]]:
        """Yield the name and the points of every part that is there."""
        for part in PARTS:
            points: Keypoints | None = getattr(self, part)
            if points is not None:
                yield part, points

    def mirrored(self) -> PersonPose:
        """Return the person as a mirror shows it: flipped, with left and right swapped."""
        swapped: dict[str, Keypoints] = {}
        for part, points in self.parts():
            order = list(PARTS[part].mirror)
            xy = points.xy[order]
            flipped = np.stack([1 - xy[:, 0], xy[:, 1]], axis=1)
            swapped[_MIRRORED_PART.get(part, part)] = Keypoints(flipped, points.score[order])
        return PersonPose(**swapped)


People = tuple[PersonPose, ...]  # everybody in one frame


@dataclass(frozen=True, kw_only=True)
class PoseSequence:
    """The people in every frame of a clip.

    Attributes:
        frames: F tuples of the P persons of a frame; a frame without people is an empty tuple.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        fps: Frames per second.
    """

    frames: tuple[People, ...]
    width: int
    height: int
    fps: float = USUAL_FPS

    def __post_init__(self) -> None:
        if not (1 <= self.width <= _LARGEST_SIDE and 1 <= self.height <= _LARGEST_SIDE):
            raise InputError(
                f"poses need frames of 1 to {_LARGEST_SIDE} pixels a side, got "
                f"{self.width}x{self.height}"
            )
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"frames per second must be above 0, got {self.fps}")
        object.__setattr__(self, "frames", tuple(tuple(people) for people in self.frames))

    def __len__(self) -> int:
        return len(self.frames)


def _first(values: NDArray[np.float32], bad: NDArray[np.bool_]) -> str:
    return f"{values[bad].flat[0]} at index {np.argwhere(bad)[0].tolist()}"


_MIRRORED_PART = {"left_hand": "right_hand", "right_hand": "left_hand"}
