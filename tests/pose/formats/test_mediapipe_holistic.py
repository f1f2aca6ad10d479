from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.pose.formats.mediapipe_holistic import from_holistic, to_holistic
from magicpose_core.pose.keypoints import Keypoints
from magicpose_core.pose.skeletons import BODY, FACE, FEET

from ..conftest import random_person


@pytest.mark.parametrize("seed", range(5))
def test_people_come_back_but_for_neck_and_small_toes(seed: int) -> None:
    person = random_person(np.random.default_rng(seed), missing=0.2)
    again = from_holistic(to_holistic(person))
    kept = [i for i in range(18) if BODY.joints[i] != "neck"]
    np.testing.assert_array_equal(again.body.xy[kept], person.body.xy[kept])
    np.testing.assert_array_equal(again.body.score[kept], person.body.score[kept])
    for part in ("left_hand", "right_hand", "face"):
        assert getattr(again, part) == getattr(person, part)
    if person.feet is not None:
        toes = [i for i in range(6) if "small" not in FEET.joints[i]]
        np.testing.assert_array_equal(again.feet.xy[toes], person.feet.xy[toes])


def test_neck_lies_between_the_shoulders() -> None:
    pose = np.zeros((33, 3))
    pose[11], pose[12] = (0.6, 0.4, 0.9), (0.4, 0.2, 0.5)
    body = from_holistic({"pose": pose}).body
    np.testing.assert_allclose(body.xy[BODY.index("neck")], [0.5, 0.3], atol=1e-6)
    assert body.score[BODY.index("neck")] == pytest.approx(0.5)


def test_pupils_come_from_the_irises_or_the_outlines_of_the_eyes() -> None:
    mesh = np.ones((478, 3)) * [0.5, 0.5, 1]
    mesh[468], mesh[473] = (0.1, 0.2, 1), (0.3, 0.4, 1)
    right, left = FACE.index("right_pupil_0"), FACE.index("left_pupil_0")
    with_iris = from_holistic({"face": mesh}).face
    np.testing.assert_allclose(with_iris.xy[[right, left]], [[0.1, 0.2], [0.3, 0.4]], atol=1e-6)
    without = from_holistic({"face": mesh[:468]}).face
    np.testing.assert_allclose(without.xy[[right, left]], [[0.5, 0.5]] * 2, atol=1e-6)


def test_parts_that_were_not_found_are_none() -> None:
    person = from_holistic({})
    assert person.body == Keypoints.absent(18)
    assert (person.left_hand, person.right_hand, person.face, person.feet) == (None,) * 4


@pytest.mark.parametrize("landmarks", [{"pose": np.zeros((17, 3))}, {"paw": np.zeros((21, 3))}])
def test_other_landmarks_are_refused(landmarks: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match="MediaPipe Holistic gives"):
        from_holistic(landmarks)
