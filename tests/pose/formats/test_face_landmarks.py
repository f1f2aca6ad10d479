"""Faces as ComfyUI's Detect Face Landmarks gives them find their people."""

from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.pose.formats.face_landmarks import with_faces
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import BODY, FACE

WIDTH, HEIGHT = 640, 480
MESH_NOSE_TIP = 4  # FACE nose_bridge_3


def person(x: float, y: float) -> PersonPose:
    places, score = np.zeros((len(BODY), 2)), np.zeros(len(BODY))
    places[BODY.index("nose")], score[BODY.index("nose")] = (x, y), 1
    return PersonPose(body=Keypoints.from_pixels(places, score, WIDTH, HEIGHT))


def face(x: float, y: float, count: int = 478) -> dict[str, object]:
    spread = np.random.default_rng(0).uniform(-30, 30, (count, 2))
    spread[MESH_NOSE_TIP] = 0
    return {"landmarks_xy": (spread + np.array([x, y])).astype(np.float32), "score": 0.9}


def clip(*frames: tuple[PersonPose, ...]) -> PoseSequence:
    return PoseSequence(frames=frames, width=WIDTH, height=HEIGHT)


def landmarks(*frames: list[dict[str, object]]) -> dict[str, object]:
    return {"frames": list(frames), "image_size": (HEIGHT, WIDTH), "connection_sets": {}}


def test_each_person_gets_the_face_at_their_nose(caplog: pytest.LogCaptureFixture) -> None:
    left, right = person(100, 100), person(400, 200)
    found = landmarks([face(402, 200), face(600, 400), face(100, 101, 468)], [])
    first, second = with_faces(clip((left, right), (left,)), found).frames
    tip = FACE.index("nose_bridge_3")
    places = [each.face.pixels(WIDTH, HEIGHT)[tip] for each in first]
    np.testing.assert_allclose(places, [(100, 101), (402, 200)], atol=1e-3)
    assert second == (left,)
    assert "1 faces lie at nobody's nose" in caplog.text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "needs frames and image_size"),
        (landmarks([], []), "2 frames, poses has 1"),
        (landmarks([{"bbox_xyxy": [0, 0, 1, 1]}]), "468 or 478 points"),
    ],
)
def test_other_things_are_refused(given: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        with_faces(clip((person(9, 9),)), given)
