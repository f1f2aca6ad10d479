"""Choose one of the people in each frame of a clip."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..keypoints import People, PoseSequence
from .mixed import drop_mixed
from .settings import PersonChoice
from .tracking import body_center, body_extent, follow_largest

_LOG = logging.getLogger("magicpose")
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
    if choice.rule != "tracked":
        return chosen
    apart = sum(_anybody(p) and not c for p, c in zip(sequence.frames, chosen.frames, strict=True))
    if apart:
        _LOG.warning(
            "%d of %d frames are taken as showing nobody: the person who is followed is not found "
            "in them apart from others",
            apart,
            len(sequence),
        )
    return drop_mixed(chosen)


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


def _anybody(people: People) -> bool:
    return any(person.body.visible(_SEEN).any() for person in people)


def follow(sequence: PoseSequence, choice: PersonChoice) -> Iterator[People]:
    """Yield the chosen person of each frame, or nobody where the frame does not show them."""
    aspect = np.array([sequence.width, sequence.height], np.float64)
    if choice.rule == "tracked":
        yield from follow_largest(sequence.frames, aspect)
        return
    for people in sequence.frames:
        if choice.rule == "largest":
            ordered = sorted(people, key=lambda person: -body_extent(person, aspect))[:1]
        elif choice.rule == "left":
            ordered = sorted(people, key=lambda person: body_center(person, aspect)[0])
        else:
            ordered = list(people)
        yield tuple(ordered[choice.number : choice.number + 1])
