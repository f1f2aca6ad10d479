from __future__ import annotations

import dataclasses

import pytest

from magicpose_core.pose.skeletons import BODY, FACE, FEET, HAND, PARTS, Skeleton


def test_body_is_openpose_18_with_the_neck_at_1() -> None:
    assert (BODY.joints[0], BODY.joints[1], BODY.joints[2]) == ("nose", "neck", "right_shoulder")
    assert len(BODY.limbs) == 17
    assert BODY.limb_colors[0] == (153, 0, 0)


@pytest.mark.parametrize("skeleton", [BODY, HAND, FACE, FEET])
def test_mirror_is_its_own_inverse_and_swaps_names(skeleton: Skeleton) -> None:
    assert [skeleton.mirror[other] for other in skeleton.mirror] == list(range(len(skeleton)))


def test_mirror_swaps_left_and_right_of_the_body() -> None:
    for index, joint in enumerate(BODY.joints):
        other = BODY.joints[BODY.mirror[index]]
        swapped = joint.replace("left", "?").replace("right", "left").replace("?", "right")
        assert other == swapped


def test_mirror_of_the_face_keeps_the_middle_line() -> None:
    middle = [i for i, other in enumerate(FACE.mirror) if other == i]
    assert middle == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_limbs_of_a_mirrored_body_are_limbs() -> None:
    limbs = set(BODY.limbs)
    assert {(BODY.mirror[a], BODY.mirror[b]) for a, b in limbs} == limbs


def test_every_joint_but_the_root_hangs_on_one_limb() -> None:
    for skeleton in (BODY, HAND):
        assert len(skeleton.limbs) == len(skeleton) - 1
        assert len({child for _, child in skeleton.limbs}) == len(skeleton.limbs)


def test_tables_check_themselves() -> None:
    with pytest.raises(AssertionError):
        dataclasses.replace(BODY, limb_colors=BODY.limb_colors[:-1])
    with pytest.raises(AssertionError):
        dataclasses.replace(FEET, mirror=(1, 2, 0, 3, 4, 5))


def test_parts_name_the_skeletons() -> None:
    assert {part: len(skeleton) for part, skeleton in PARTS.items()} == {
        "body": 18,
        "left_hand": 21,
        "right_hand": 21,
        "face": 70,
        "feet": 6,
    }
