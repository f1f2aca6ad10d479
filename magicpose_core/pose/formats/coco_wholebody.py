"""COCO's 17 body points and COCO-WholeBody's 133 as arrays, to and from OpenPose people.

COCO has no neck: it is set between the shoulders, as all converters do. COCO-WholeBody has no
pupils: the eyes of the body stand in for them, as in DWPose's OpenPose output. Both are dropped on
writing; COCO 17 drops hands, face and feet as well. Everything else is held exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..keypoints import Keypoints, PersonPose
from ..skeletons import BODY, FACE

COCO_JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
WHOLEBODY_PARTS = {
    "feet": slice(17, 23),
    "face": slice(23, 91),
    "left_hand": slice(91, 112),
    "right_hand": slice(112, 133),
}
WHOLEBODY_COUNT = 133
_PLACES = [BODY.index(joint) for joint in COCO_JOINTS]
_NECK = BODY.index("neck")
_SHOULDERS = [BODY.index("right_shoulder"), BODY.index("left_shoulder")]
_EYES = [BODY.index("right_eye"), BODY.index("left_eye")]
_PUPILS = [FACE.index("right_pupil_0"), FACE.index("left_pupil_0")]

assert sorted([*_PLACES, _NECK]) == list(range(len(BODY)))
assert WHOLEBODY_PARTS["face"].stop - WHOLEBODY_PARTS["face"].start == len(FACE) - len(_PUPILS)


def from_coco(points: NDArray[np.floating], width: int, height: int) -> PersonPose:
    """Read one person of COCO (17 points) or COCO-WholeBody (133 points).

    Args:
        points: (17, 3) or (133, 3): x and y in pixels, score in 0..1 (0 means absent).
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.

    Raises:
        InputError: The count is neither 17 nor 133.
    """
    if points.shape not in ((len(COCO_JOINTS), 3), (WHOLEBODY_COUNT, 3)):
        raise InputError(
            f"COCO people have (17, 3) points, COCO-WholeBody's (133, 3), got {points.shape}"
        )
    whole = Keypoints.from_pixels(points[:, :2], points[:, 2].clip(0, 1), width, height)
    xy, score = np.zeros((len(BODY), 2), np.float32), np.zeros(len(BODY), np.float32)
    xy[_PLACES], score[_PLACES] = whole.xy[: len(_PLACES)], whole.score[: len(_PLACES)]
    xy[_NECK], score[_NECK] = xy[_SHOULDERS].mean(axis=0), score[_SHOULDERS].min()
    body = Keypoints(xy, score)
    if len(points) == len(COCO_JOINTS):
        return PersonPose(body=body)
    parts = {
        part: Keypoints(whole.xy[place], whole.score[place])
        for part, place in WHOLEBODY_PARTS.items()
    }
    parts["face"] = Keypoints(
        np.concatenate([parts["face"].xy, xy[_EYES]]),
        np.concatenate([parts["face"].score, score[_EYES]]),
    )
    return PersonPose(body=body, **parts)


def to_coco(person: PersonPose, width: int, height: int) -> NDArray[np.float64]:
    """Write the 17 points of COCO: (17, 3), x and y in pixels, score."""
    return _triples(person.body, width, height)[_PLACES]


def to_wholebody(person: PersonPose, width: int, height: int) -> NDArray[np.float64]:
    """Write the 133 points of COCO-WholeBody: (133, 3); absent parts have score 0."""
    whole = np.zeros((WHOLEBODY_COUNT, 3))
    whole[: len(COCO_JOINTS)] = to_coco(person, width, height)
    for part, place in WHOLEBODY_PARTS.items():
        points: Keypoints | None = getattr(person, part)
        if points is not None:
            whole[place] = _triples(points, width, height)[: place.stop - place.start]
    return whole


def _triples(points: Keypoints, width: int, height: int) -> NDArray[np.float64]:
    return np.concatenate([points.pixels(width, height), points.score[:, None]], axis=1)
