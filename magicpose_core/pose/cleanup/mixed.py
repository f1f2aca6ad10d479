"""Tell skeletons that mix two people: bones in them are far too long for the others."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from ..keypoints import PersonPose, PoseSequence
from ..retarget.body_tree import BONES, TYPICAL_LENGTH, with_mid_hip

_LOG = logging.getLogger("magicpose")
_SEEN = 0.3
_FEWEST = 3  # kinds of bones that can be compared
MIXED = 1.7  # the longest bone against the second longest, both as shares of a typical body
_UNUSUAL = 1.3  # times what the person has over the clip: drawn figures have long necks


def longest_bone(person: PersonPose, width: int, height: int) -> float:
    """Return how much longer than all other kinds the longest bone is, for a typical body.

    Foreshortening makes bones shorter only. Points outside the picture are guesses and left out.

    Args:
        person: In a picture.
        width: Of the picture in pixels.
        height: Of the picture in pixels.

    Returns:
        1 or more; people of one size measure up to 1.6. 1 where fewer than three kinds are seen.
    """
    places = person.body.pixels(width, height)
    inside = np.all((places >= 0) & (places <= (width, height)), axis=1)
    points, seen = with_mid_hip(places[None], (person.body.visible(_SEEN) & inside)[None])
    sizes: dict[str, float] = {}
    for bone in BONES:
        ends = [bone.parent, bone.child]
        if bone.kind != "head" and seen[0, ends].all():
            length = float(np.linalg.norm(points[0, ends[0]] - points[0, ends[1]]))
            sizes[bone.kind] = max(sizes.get(bone.kind, 0.0), length / TYPICAL_LENGTH[bone.kind])
    ordered = sorted(sizes.values())
    if len(ordered) < _FEWEST or ordered[-2] == 0:
        return 1.0
    return ordered[-1] / ordered[-2]


def drop_mixed(sequence: PoseSequence) -> PoseSequence:
    """Take the skeletons of one person out that mix in somebody else; a warning counts them.

    Args:
        sequence: One person per frame at most.
    """
    size = (sequence.width, sequence.height)
    longest = np.array(
        [longest_bone(people[0], *size) if people else np.nan for people in sequence.frames]
    )
    if np.isnan(longest).all():
        return sequence
    mixed = longest > max(MIXED, _UNUSUAL * float(np.nanmedian(longest)))
    if not mixed.any():
        return sequence
    _LOG.warning(
        "%d of %d frames are taken as showing nobody: the skeleton mixes two people",
        mixed.sum(),
        len(sequence),
    )
    return replace(
        sequence,
        frames=tuple(
            () if bad else people for bad, people in zip(mixed, sequence.frames, strict=True)
        ),
    )
