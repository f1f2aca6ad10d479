"""MediaPipe Holistic landmarks to and from OpenPose people.

MediaPipe gives 33 body points, 21 for each hand in OpenPose's order, and a face mesh of 468 points
or 478 with the irises. Not held in this direction: the rest of the mesh, depth, finger points of
the body model; in the other: neck and small toes, and the scores of hands and face (1 or absent).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, one_line
from ..keypoints import Keypoints, PersonPose
from ..skeletons import BODY, FACE, FEET, HAND

POSE_COUNT, MESH_COUNT, MESH_IRIS_COUNT = 33, 468, 478
_POSE = {
    "nose": 0,
    "left_eye": 2,
    "right_eye": 5,
    "left_ear": 7,
    "right_ear": 8,
    "left_shoulder": 11,
    "right_shoulder": 12,
    "left_elbow": 13,
    "right_elbow": 14,
    "left_wrist": 15,
    "right_wrist": 16,
    "left_hip": 23,
    "right_hip": 24,
    "left_knee": 25,
    "right_knee": 26,
    "left_ankle": 27,
    "right_ankle": 28,
}
_FEET = {"left_heel": 29, "right_heel": 30, "left_big_toe": 31, "right_big_toe": 32}
# fmt: off
_MESH = (  # of the 68 iBUG points
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on
_IRISES = (468, 473)  # right, left
_EYES = (slice(36, 42), slice(42, 48))  # outlines among the 68, right, left
_NECK = BODY.index("neck")
_SHOULDERS = [BODY.index("right_shoulder"), BODY.index("left_shoulder")]

assert len(_MESH) + len(_IRISES) == len(FACE)
assert len(_POSE) + 1 == len(BODY)

Landmarks = Mapping[str, NDArray[np.float64]]
"""``pose`` (33, 3), ``left_hand``, ``right_hand`` (21, 3), ``face`` (468 or 478, 3): x and y as
fractions of the size, then visibility in 0..1 (1 where MediaPipe gives none)."""

_COUNTS = {
    "pose": (POSE_COUNT,),
    "left_hand": (len(HAND),),
    "right_hand": (len(HAND),),
    "face": (MESH_COUNT, MESH_IRIS_COUNT),
}


def from_holistic(landmarks: Landmarks) -> PersonPose:
    """Read the landmarks of one person; a part that MediaPipe did not find is not in the mapping.

    Raises:
        InputError: A part is unknown or has another number of points.
    """
    for part, points in landmarks.items():
        if part not in _COUNTS or points.shape not in [(count, 3) for count in _COUNTS[part]]:
            raise InputError(
                f"MediaPipe Holistic gives {_COUNTS} points of (x, y, visibility), "
                f"got {one_line(part)} {points.shape}"
            )
    body, feet = Keypoints.absent(len(BODY)), None
    if "pose" in landmarks:
        body, feet = _body(landmarks["pose"]), _feet(landmarks["pose"])
    return PersonPose(
        body=body,
        left_hand=_hand(landmarks, "left_hand"),
        right_hand=_hand(landmarks, "right_hand"),
        face=_face(landmarks["face"]) if "face" in landmarks else None,
        feet=feet,
    )


def to_holistic(person: PersonPose) -> dict[str, NDArray[np.float64]]:
    """Write one person; mesh points without a counterpart have visibility 0."""
    pose = np.zeros((POSE_COUNT, 3))
    pose[list(_POSE.values())] = _triples(person.body)[[BODY.index(joint) for joint in _POSE]]
    if person.feet is not None:
        pose[list(_FEET.values())] = _triples(person.feet)[[FEET.index(joint) for joint in _FEET]]
    landmarks = {"pose": pose}
    for part, hand in (("left_hand", person.left_hand), ("right_hand", person.right_hand)):
        if hand is not None:
            landmarks[part] = _triples(hand)
    if person.face is not None:
        mesh = np.zeros((MESH_IRIS_COUNT, 3))
        mesh[[*_MESH, *_IRISES]] = _triples(person.face)
        landmarks["face"] = mesh
    return landmarks


def _body(pose: NDArray[np.float64]) -> Keypoints:
    triples = np.zeros((len(BODY), 3))
    triples[[BODY.index(joint) for joint in _POSE]] = pose[list(_POSE.values())]
    shoulders = triples[_SHOULDERS]
    triples[_NECK] = *shoulders[:, :2].mean(axis=0), shoulders[:, 2].min()
    return _keypoints(triples)


def _feet(pose: NDArray[np.float64]) -> Keypoints:
    triples = np.zeros((len(FEET), 3))
    triples[[FEET.index(joint) for joint in _FEET]] = pose[list(_FEET.values())]
    return _keypoints(triples)


def _hand(landmarks: Landmarks, part: str) -> Keypoints | None:
    return _keypoints(landmarks[part]) if part in landmarks else None


def _face(mesh: NDArray[np.float64]) -> Keypoints:
    outline = mesh[list(_MESH)]
    if len(mesh) == MESH_IRIS_COUNT:
        pupils = mesh[list(_IRISES)]
    else:
        pupils = np.stack([outline[eye].mean(axis=0) for eye in _EYES])
    return _keypoints(np.concatenate([outline, pupils]))


def _keypoints(triples: NDArray[np.float64]) -> Keypoints:
    return Keypoints(triples[:, :2].astype(np.float32), triples[:, 2].clip(0, 1).astype(np.float32))


def _triples(points: Keypoints) -> NDArray[np.float64]:
    return np.concatenate([points.xy, points.score[:, None]], axis=1).astype(np.float64)
