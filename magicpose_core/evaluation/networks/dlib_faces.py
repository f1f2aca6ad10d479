"""Who a face is and what it does, by dlib's networks, which are a package.

The 68-point predictor was trained on pictures whose licence excludes commercial use.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingDependencyError
from ...video.reader import Frame
from .files import FeatureFile, check_file

METRICS = ("face_distance", "expression_error", "faces_found")
SAME_PERSON = 0.6
"""Distances below this are the same person, by dlib's own rule for photographs."""
_RECOGNITION = "dlib_face_recognition_resnet_model_v1.dat"
_LANDMARKS = "shape_predictor_68_face_landmarks.dat"
_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)
_DOUBLINGS = (1, 2)  # small faces are looked for in larger pictures


@dataclass(frozen=True, kw_only=True)
class FoundFace:
    """A face.

    Attributes:
        landmarks: (68, 2) pixels, in iBUG's order.
        embedding: (128,) numbers; the distance of two says how alike the people are.
    """

    landmarks: NDArray[np.float64]
    embedding: NDArray[np.float64]


FindFace = Callable[[Frame], FoundFace | None]


def load_faces() -> tuple[FindFace, tuple[FeatureFile, ...]]:
    """Load dlib's detector and networks, and say which files.

    Raises:
        MissingDependencyError: The packages are not installed.
    """
    if importlib.util.find_spec("dlib") is None:
        raise MissingDependencyError("faces need dlib-bin; pip install 'magicpose[faces]'")
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or not package.submodule_search_locations:
        raise MissingDependencyError(
            "faces need face-recognition-models; pip install 'magicpose[faces]'"
        )
    import dlib

    folder = Path(package.submodule_search_locations[0]) / "models"
    files = tuple(check_file(folder / name) for name in (_RECOGNITION, _LANDMARKS))
    recognise = dlib.face_recognition_model_v1(str(files[0].path))
    predict = dlib.shape_predictor(str(files[1].path))
    detect = dlib.get_frontal_face_detector()

    def find(frame: Frame) -> FoundFace | None:
        box = _largest(detect, frame)
        if box is None:
            return None
        shape = predict(frame, box)
        return FoundFace(
            landmarks=np.array([(point.x, point.y) for point in shape.parts()], np.float64),
            embedding=np.array(recognise.compute_face_descriptor(frame, shape), np.float64),
        )

    return find, files


def compare_faces(result: FoundFace | None, truth: FoundFace | None) -> dict[str, float]:
    """Give the figures of two faces; none where the truth has no face, or the result none."""
    if truth is None:
        return {}
    if result is None:
        return {"faces_found": 0.0}
    return {
        "face_distance": face_distance(result, truth),
        "expression_error": expression_error(result, truth),
        "faces_found": 1.0,
    }


def face_distance(first: FoundFace, second: FoundFace) -> float:
    """Distance of two people, 0 for the same picture; 0.6 is dlib's limit for the same person."""
    return float(np.linalg.norm(first.embedding - second.embedding))


def expression_error(result: FoundFace, truth: FoundFace) -> float:
    """Distance of the landmarks when the faces lie on each other, in % of the eyes' distance.

    Place, size and turn are taken out by the best similarity, so that what is left is what the
    face does, and its proportions.

    Source: the inter-ocular normalisation of the 300-W benchmark (Sagonas et al. 2013).
    """
    ours, true = (face.landmarks - face.landmarks.mean(axis=0) for face in (result, truth))
    mixed = ours[:, 0] + 1j * ours[:, 1], true[:, 0] + 1j * true[:, 1]
    turn = np.vdot(mixed[0], mixed[1]) / np.vdot(mixed[0], mixed[0]).real
    eyes = true[_RIGHT_EYE].mean(axis=0) - true[_LEFT_EYE].mean(axis=0)
    missed = np.abs(turn * mixed[0] - mixed[1]).mean()
    return float(100 * missed / np.linalg.norm(eyes))


def _largest(detect: Any, frame: Frame) -> Any:
    for doublings in _DOUBLINGS:
        boxes = detect(frame, doublings)
        if boxes:
            return max(boxes, key=lambda box: box.area())
    return None
