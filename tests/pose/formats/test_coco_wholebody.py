from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.pose.formats.coco_wholebody import COCO_JOINTS, from_coco, to_coco, to_wholebody
from magicpose_core.pose.keypoints import PersonPose
from magicpose_core.pose.skeletons import BODY

from ..conftest import random_person


def random_points(seed: int, count: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    places = generator.uniform(0, 400, (count, 2)).astype(np.float32)
    score = generator.uniform(0.1, 1, count) * (generator.random(count) > 0.2)
    return np.concatenate([places, score[:, None]], axis=1) * (score > 0)[:, None]


@pytest.mark.parametrize("seed", range(5))
def test_arrays_come_back(seed: int) -> None:
    body, whole = random_points(seed, 17), random_points(seed, 133)
    np.testing.assert_allclose(to_coco(from_coco(body, 512, 256), 512, 256), body, atol=1e-4)
    np.testing.assert_allclose(to_wholebody(from_coco(whole, 512, 256), 512, 256), whole, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_people_come_back_but_for_neck_and_pupils(seed: int) -> None:
    person = random_person(np.random.default_rng(seed), missing=0.0)
    again = from_coco(to_wholebody(person, 640, 480), 640, 480)
    kept = [i for i in range(18) if BODY.joints[i] != "neck"]
    np.testing.assert_array_equal(again.body.xy[kept], person.body.xy[kept])
    assert (again.left_hand, again.right_hand) == (person.left_hand, person.right_hand)
    assert again.feet == person.feet
    np.testing.assert_array_equal(again.face.xy[:68], person.face.xy[:68])


def test_neck_lies_between_the_shoulders_and_is_as_sure_as_the_weaker() -> None:
    points = np.zeros((17, 3))
    points[COCO_JOINTS.index("left_shoulder")] = 80, 20, 0.9
    points[COCO_JOINTS.index("right_shoulder")] = 40, 10, 0.4
    body = from_coco(points, 100, 100).body
    np.testing.assert_allclose(body.xy[BODY.index("neck")], [0.6, 0.15], atol=1e-6)
    assert body.score[BODY.index("neck")] == pytest.approx(0.4)
    points[COCO_JOINTS.index("left_shoulder"), 2] = 0
    assert from_coco(points, 100, 100).body.score[BODY.index("neck")] == 0


def test_sides_are_the_persons_own() -> None:
    points = np.zeros((133, 3))
    points[COCO_JOINTS.index("left_wrist")] = 10, 10, 1
    points[91] = 11, 11, 1
    points[17] = 12, 12, 1
    person = from_coco(points, 100, 100)
    assert person.body.score[BODY.index("left_wrist")] == 1
    assert person.left_hand.score[0] == 1
    assert person.feet.score[0] == 1


def test_pupils_are_the_eyes_of_the_body() -> None:
    person = from_coco(random_points(9, 133), 512, 512)
    np.testing.assert_array_equal(person.face.xy[68], person.body.xy[BODY.index("right_eye")])
    np.testing.assert_array_equal(person.face.xy[69], person.body.xy[BODY.index("left_eye")])


def test_absent_parts_have_score_zero() -> None:
    bare = PersonPose(body=random_person(np.random.default_rng(0)).body)
    assert not to_wholebody(bare, 64, 64)[17:].any()


def test_other_counts_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(133, 3\), got \(26, 3\)"):
        from_coco(np.zeros((26, 3)), 64, 64)
