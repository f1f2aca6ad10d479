"""One person's clip as arrays, for the steps that look along time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .keypoints import Keypoints, PersonPose, PoseSequence
from .retarget.body_tree import Mask, Points
from .skeletons import PARTS


@dataclass(frozen=True, kw_only=True)
class PartTrack:
    """One part of a person over F frames.

    Attributes:
        places: (F, K, 2) in pixels.
        score: (F, K) in 0..1; 0 where the part or the point is absent.
        present: (F,), False where the part is None.
    """

    places: Points
    score: NDArray[np.float32]
    present: NDArray[np.bool_]

    def seen(self, score_threshold: float) -> Mask:
        """Return the (F, K) mask of the points with at least this score."""
        seen: Mask = (self.score > 0) & (self.score >= np.float32(score_threshold))
        return seen


def tracks_of(sequence: PoseSequence, size: tuple[int, int]) -> dict[str, PartTrack]:
    """Turn a clip with one person per frame at most into arrays, by the name of the part.

    Args:
        sequence: The clip.
        size: Width and height of the picture whose pixels are used; the frames are fitted into it,
            their aspect kept, in the middle.

    Raises:
        InputError: A frame has several people.
    """
    for index, people in enumerate(sequence.frames):
        if len(people) > 1:
            raise InputError(
                f"frame {index} has {len(people)} people; choose one of them "
                "(cleanup.people.choose_person)"
            )
    person = [people[0] if people else None for people in sequence.frames]
    return {part: _track(sequence, person, part, size) for part in PARTS}


def sequence_of(tracks: Mapping[str, PartTrack], size: tuple[int, int], fps: float) -> PoseSequence:
    """Turn arrays back into a clip of frames of that size."""
    frames = len(tracks["body"].present)
    return PoseSequence(
        frames=tuple(_people_of(tracks, frame, size) for frame in range(frames)),
        width=size[0],
        height=size[1],
        fps=fps,
    )


def fill_gaps(places: Points, seen: Mask) -> Points:
    """Fill unseen points by straight lines between the frames before and after; ends are held.

    Args:
        places: (F, N, 2).
        seen: (F, N); a point that no frame shows is put at (0, 0).
    """
    frames = np.arange(len(places))
    filled = np.zeros_like(places)
    for point in range(places.shape[1]):
        known = frames[seen[:, point]]
        if len(known):
            for axis in range(2):
                filled[:, point, axis] = np.interp(frames, known, places[known, point, axis])
    return filled


def _track(
    sequence: PoseSequence,
    people: list[PersonPose | None],
    part: str,
    size: tuple[int, int],
) -> PartTrack:
    count = len(PARTS[part])
    absent = Keypoints.absent(count)
    points = [None if person is None else getattr(person, part) for person in people]
    width, height = sequence.width, sequence.height
    scale = min(size[0] / width, size[1] / height)
    left, top = (size[0] - scale * width) / 2, (size[1] - scale * height) / 2
    xy = np.array([(p or absent).xy for p in points], np.float64).reshape(-1, count, 2)
    return PartTrack(
        places=xy * (scale * width, scale * height) + (left, top),
        score=np.array([(p or absent).score for p in points]).reshape(-1, count),
        present=np.array([p is not None for p in points], bool),
    )


def _people_of(
    tracks: Mapping[str, PartTrack], frame: int, size: tuple[int, int]
) -> tuple[PersonPose, ...]:
    parts = {
        part: Keypoints.from_pixels(track.places[frame], track.score[frame], *size)
        for part, track in tracks.items()
        if track.present[frame]
    }
    return (PersonPose(**parts),) if parts else ()
