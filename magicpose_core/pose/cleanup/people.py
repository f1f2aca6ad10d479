"""Choose one of the people in each frame of a clip."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..keypoints import People, PersonPose, PoseSequence
from .mixed import drop_mixed
from .settings import PersonChoice

_LOG = logging.getLogger("magicpose")
_REACH = 0.75  # of the person's size, or of its doubling: who is farther off is somebody else
_FORGET = 15  # frames without the person after which the nearest one is taken, however far
_SEEN = 0.3


def choose_person(sequence: PoseSequence, choice: PersonChoice | None = None) -> PoseSequence:
    """Keep one person per frame at most; who is tracked loses skeletons that mix people.

    Where nobody chooses, a warning says that there are several.
    """
    several = several_people(sequence) if choice is None or choice == PersonChoice() else ""
    if several:
        _LOG.warning("%s", several)
    choice = choice or PersonChoice()
    chosen = replace(sequence, frames=tuple(follow(sequence, choice)))
    return drop_mixed(chosen) if choice.rule == "tracked" else chosen


def several_people(sequence: PoseSequence) -> str:
    """Say that frames show several people and what to do about it; empty where none does."""
    counts = [sum(bool(p.body.visible(_SEEN).any()) for p in people) for people in sequence.frames]
    crowded = sum(count > 1 for count in counts)
    if not crowded:
        return ""
    return (
        f"{crowded} of {len(counts)} frames show several people, up to {max(counts)}: the largest "
        "of the first frame is followed, since MagicPose renders one person; person chooses "
        "another one, and clips of each with their own reference are laid over each other by mask"
    )


def follow(sequence: PoseSequence, choice: PersonChoice) -> Iterator[People]:
    """Yield the chosen person of each frame, or nobody where the frame does not show them."""
    aspect = np.array([sequence.width, sequence.height], np.float64)
    if choice.rule == "tracked":
        yield from _track(sequence.frames, aspect)
        return
    for people in sequence.frames:
        if choice.rule == "largest":
            ordered = sorted(people, key=lambda person: -_size(person, aspect))[:1]
        elif choice.rule == "left":
            ordered = sorted(people, key=lambda person: _center(person, aspect)[0])
        else:
            ordered = list(people)
        yield tuple(ordered[choice.number : choice.number + 1])


def _track(frames: Iterable[People], aspect: NDArray[np.float64]) -> Iterator[People]:
    last: PersonPose | None = None
    missed = 0
    for people in frames:
        shown = [person for person in people if person.body.visible(_SEEN).any()]
        if not shown:
            missed += 1
            yield ()
            continue
        if last is None:
            nearest = max(shown, key=lambda person: _size(person, aspect))
        else:
            known = last
            nearest = min(shown, key=lambda person: _distance(person, known, aspect))
            if _distance(nearest, last, aspect) > _REACH and missed < _FORGET:
                missed += 1
                yield ()
                continue
        last, missed = nearest, 0
        yield (nearest,)


def _distance(person: PersonPose, other: PersonPose, aspect: NDArray[np.float64]) -> float:
    """Return how far two bodies lie apart, in sizes of the second one; another size counts, too."""
    shared = person.body.visible(_SEEN) & other.body.visible(_SEEN)
    size = max(_size(other, aspect), 1e-6)
    if shared.any():
        places = [each.body.xy[shared] * aspect for each in (person, other)]
        apart = float(np.linalg.norm(places[0] - places[1], axis=-1).mean()) / size
        extents = [max(float(np.linalg.norm(np.ptp(points, axis=0))), 1e-6) for points in places]
        return apart + (abs(math.log2(extents[0] / extents[1])) if shared.sum() > 1 else 0.0)
    return float(np.linalg.norm(_center(person, aspect) - _center(other, aspect))) / size


def _center(person: PersonPose, aspect: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = person.body.visible(_SEEN)
    if not seen.any():
        return np.full(2, np.inf)
    return np.asarray((person.body.xy[seen] * aspect).mean(axis=0))


def _size(person: PersonPose, aspect: NDArray[np.float64]) -> float:
    """Return the diagonal in pixels of the box about the seen points of the body."""
    seen = person.body.visible(_SEEN)
    if not seen.any():
        return 0.0
    return math.hypot(*np.ptp(person.body.xy[seen] * aspect, axis=0))
