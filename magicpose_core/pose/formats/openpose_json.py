"""OpenPose people as JSON values: ComfyUI's POSE_KEYPOINT in its dialects, and CMU's own files.

Held exactly: places, scores (where the dialect has real ones), absent parts (where it has them).
Not held: frames per second (a clip's file adds them, see ``pose_files``); CMU's files hold no frame
size, and their middle of the hips is computed anew on writing. ``openpose_frames`` reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from ..keypoints import Keypoints, PersonPose, PoseSequence
from ..skeletons import BODY, PARTS

OpenPosePerson = dict[str, list[float] | None]


class OpenPoseFrame(TypedDict):
    """The people of one frame as POSE_KEYPOINT holds them."""

    people: list[OpenPosePerson]
    canvas_width: int
    canvas_height: int


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How POSE_KEYPOINT is written.

    Attributes:
        normalised: Places as fractions of the size instead of pixels.
        binary_scores: Scores of 1 or 0 instead of real ones.
        zeros_for_absent: An absent part is a list of zeros instead of None.
        feet: Write ``foot_keypoints_2d``.
    """

    normalised: bool = False
    binary_scores: bool = False
    zeros_for_absent: bool = False
    feet: bool = True


COMPLETE = Dialect()
AUX_DWPOSE = Dialect(binary_scores=True, feet=False)
AUX_OPENPOSE = Dialect(binary_scores=True, feet=False, normalised=True)
CORE_SDPOSE = Dialect(zeros_for_absent=True)

KEYS = {
    "body": "pose_keypoints_2d",
    "face": "face_keypoints_2d",
    "left_hand": "hand_left_keypoints_2d",
    "right_hand": "hand_right_keypoints_2d",
    "feet": "foot_keypoints_2d",
}
# BODY_25 has the middle of the hips behind the first 8 of the 18 points, and the feet at its end.
MID_HIP = 8
_HIPS = (BODY.index("right_hip"), BODY.index("left_hip"))
_DIGITS = (3, 4, 5, 6)  # behind the point; places given in thousandths of pixels come back so


def to_pose_keypoints(sequence: PoseSequence, dialect: Dialect = COMPLETE) -> list[OpenPoseFrame]:
    """Write a sequence as POSE_KEYPOINT, one value per frame."""
    size = (1, 1) if dialect.normalised else (sequence.width, sequence.height)
    return [
        OpenPoseFrame(
            people=[_write_person(person, size, dialect) for person in people],
            canvas_width=sequence.width,
            canvas_height=sequence.height,
        )
        for people in sequence.frames
    ]


def to_cmu_people(people: Sequence[PersonPose], width: int, height: int) -> dict[str, object]:
    """Write one frame as CMU OpenPose does, in pixels: 25 body points with feet, 18 without."""
    return {"version": 1.3, "people": [_write_cmu_person(p, (width, height)) for p in people]}


def _write_person(person: PersonPose, size: tuple[int, int], dialect: Dialect) -> OpenPosePerson:
    written: OpenPosePerson = {}
    for part, key in KEYS.items():
        if part == "feet" and not (dialect.feet and (person.feet or dialect.zeros_for_absent)):
            continue
        points: Keypoints | None = getattr(person, part)
        if points is None and dialect.zeros_for_absent:
            points = Keypoints.absent(len(PARTS[part]))
        written[key] = None if points is None else _flat(points, size, dialect)
    return written


def _write_cmu_person(person: PersonPose, size: tuple[int, int]) -> dict[str, object]:
    body = _flat(person.body, size, COMPLETE)
    if person.feet is not None:
        split = 3 * MID_HIP
        middle = _flat(_mid_hip(person.body), size, COMPLETE)
        body = [*body[:split], *middle, *body[split:], *_flat(person.feet, size, COMPLETE)]
    written: dict[str, object] = {"person_id": [-1], KEYS["body"]: body}
    for part in ("face", "left_hand", "right_hand"):
        points: Keypoints | None = getattr(person, part)
        written[KEYS[part]] = [] if points is None else _flat(points, size, COMPLETE)
    return written


def _mid_hip(body: Keypoints) -> Keypoints:
    hips = list(_HIPS)
    return Keypoints(body.xy[hips].mean(axis=0, keepdims=True), body.score[hips].min(keepdims=True))


def _flat(points: Keypoints, size: tuple[int, int], dialect: Dialect) -> list[float]:
    scores = (points.score > 0).astype(np.float32) if dialect.binary_scores else points.score
    flat: list[float] = []
    for place, score in zip(points.xy, scores, strict=True):
        x, y = (_plain(value, extent) for value, extent in zip(place, size, strict=True))
        flat += [x, y, float(str(score))]
    return flat


def _plain(value: np.float32, size: int) -> float:
    """Return the shortest number that reads back as exactly this place."""
    if size == 1:
        return float(str(value))
    exact = float(value) * size
    shorter = (round(exact, digits) for digits in _DIGITS)
    return next((short for short in shorter if np.float32(short / size) == value), exact)
