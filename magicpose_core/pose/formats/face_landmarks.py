"""Faces of ComfyUI's own Detect Face Landmarks (0.23 and later), set into poses."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..keypoints import Keypoints, People, PersonPose, PoseSequence
from ..skeletons import BODY
from .mediapipe_holistic import MESH_COUNT, MESH_IRIS_COUNT, from_holistic

_LOG = logging.getLogger("magicpose")
_SEEN = 0.3
_NOSE = BODY.index("nose")
_AROUND = 0.5  # of a face's size: a nose may lie that far outside its box


def with_faces(sequence: PoseSequence, landmarks: Mapping[str, object]) -> PoseSequence:
    """Give people the faces that lie at their noses; a warning counts faces of nobody.

    Args:
        sequence: The people.
        landmarks: FACE_LANDMARKS: ``frames`` with a list of faces each, whose ``landmarks_xy`` are
            (468 or 478, 2) in pixels of ``image_size`` (height, width).

    Raises:
        InputError: It is something else, or has another number of frames.
    """
    frames, size = landmarks.get("frames"), landmarks.get("image_size")
    if not isinstance(frames, Sequence) or not isinstance(size, Sequence) or len(size) != 2:
        raise InputError(
            "face_landmarks needs frames and image_size, as Detect Face Landmarks gives them"
        )
    if len(frames) != len(sequence):
        raise InputError(
            f"face_landmarks has {len(frames)} frames, poses has {len(sequence)}; detect both in "
            "the same pictures"
        )
    height, width = (float(side) for side in size)
    nobodys, joined = 0, []
    for people, found in zip(sequence.frames, frames, strict=True):
        faces = [_face(face, width, height) for face in found]
        with_face, left = _join(people, faces)
        joined.append(with_face)
        nobodys += left
    if nobodys:
        _LOG.warning("%d faces lie at nobody's nose and are left out", nobodys)
    return replace(sequence, frames=tuple(joined))


def _face(face: object, width: float, height: float) -> Keypoints:
    mesh = face.get("landmarks_xy") if isinstance(face, Mapping) else None
    places = np.zeros((0, 2)) if mesh is None else np.asarray(mesh, np.float64)
    if places.shape not in ((MESH_COUNT, 2), (MESH_IRIS_COUNT, 2)):
        raise InputError(
            f"a face of face_landmarks needs landmarks_xy of {MESH_COUNT} or {MESH_IRIS_COUNT} "
            f"points (x, y), got {places.shape}"
        )
    fractions = np.c_[places / (width, height), np.ones(len(places))]
    keypoints = from_holistic({"face": fractions}).face
    assert keypoints is not None
    return keypoints


def _join(people: People, faces: list[Keypoints]) -> tuple[People, int]:
    """Give each person the nearest face about their nose; return how many faces are left."""
    left = list(faces)
    joined: list[PersonPose] = []
    for person in people:
        fitting = [face for face in left if _lies_at(face, person)]
        if fitting:
            nose = person.body.xy[_NOSE]
            face = min(fitting, key=lambda each: float(np.linalg.norm(_middle(each) - nose)))
            left = [other for other in left if other is not face]
            person = replace(person, face=face)
        joined.append(person)
    return tuple(joined), len(left)


def _lies_at(face: Keypoints, person: PersonPose) -> bool:
    if person.body.score[_NOSE] < _SEEN:
        return False
    low, high = face.xy.min(axis=0), face.xy.max(axis=0)
    margin = _AROUND * (high - low)
    nose = person.body.xy[_NOSE]
    return bool(np.all((nose >= low - margin) & (nose <= high + margin)))


def _middle(face: Keypoints) -> NDArray[np.float32]:
    return np.asarray(face.xy.mean(axis=0))
