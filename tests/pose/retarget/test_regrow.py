from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.evaluation.kinematic_figures import pose, random_body, random_motion
from magicpose_core.pose.retarget.body_tree import KINDS, MID_HIP, NODE_COUNT, TYPICAL_LENGTH, node
from magicpose_core.pose.retarget.proportions import body_size, bone_lengths, distance_ratio
from magicpose_core.pose.retarget.regrow import find_hinges, regrow

ALL = np.ones(NODE_COUNT, bool)
FACTORS = {"whole": 3.0, **{kind: 1.0 + 0.1 * index for index, kind in enumerate(KINDS)}}


def a_body() -> tuple[dict[str, float], np.ndarray]:
    generator = np.random.default_rng(0)
    lengths = dict(random_body(generator, 300))
    return lengths, pose(lengths, random_motion(generator, 3, depth=False))


def hidden(*names: str) -> np.ndarray:
    known = ALL.copy()
    known[[node(name) for name in names]] = False
    return known


def test_a_body_is_set_up_with_multiplied_bones() -> None:
    lengths, places = a_body()
    grown = regrow(places, find_hinges(ALL, FACTORS))
    np.testing.assert_array_equal(grown[:, MID_HIP], 0)
    for kind, measured in bone_lengths(grown, np.ones(grown.shape[:2], bool)).items():
        assert measured == pytest.approx(FACTORS[kind] * lengths[kind])


def test_factors_of_one_change_nothing() -> None:
    _, places = a_body()
    ones = dict.fromkeys(FACTORS, 1.0)
    grown = regrow(places, find_hinges(ALL, ones))
    np.testing.assert_allclose(grown, places - places[:, [MID_HIP]], atol=1e-9)


def test_ways_over_a_hidden_joint_take_the_mean_of_their_bones() -> None:
    hinges = find_hinges(hidden("left_knee"), FACTORS)
    ankle = node("left_ankle")
    weights = [TYPICAL_LENGTH[kind] for kind in ("shin", "thigh")]
    assert hinges.parent[ankle] == node("left_hip")
    assert hinges.factor[ankle] == pytest.approx(
        np.average([FACTORS["shin"], FACTORS["thigh"]], weights=weights)
    )


def test_without_hips_the_neck_is_the_root() -> None:
    hinges = find_hinges(hidden("mid_hip", "left_hip", "right_hip"), FACTORS)
    assert hinges.root == node("neck")
    assert hinges.parent[node("left_knee")] == node("neck")
    assert hinges.factor[node("left_knee")] == FACTORS["whole"]
    assert hinges.parent[node("left_elbow")] == node("left_shoulder")


def test_a_single_point_is_a_body_too() -> None:
    only = np.zeros(NODE_COUNT, bool)
    only[node("left_wrist")] = True
    hinges = find_hinges(only, FACTORS)
    assert set(hinges.parent) == {node("left_wrist")}
    _, places = a_body()
    assert regrow(places, hinges).shape == places.shape


def test_the_size_of_a_body_is_that_of_the_typical_one_with_its_bones() -> None:
    typical = {kind: 250 * share for kind, share in TYPICAL_LENGTH.items()}
    assert body_size(typical) == pytest.approx(250)
    assert body_size({"thigh": typical["thigh"]}) == pytest.approx(250)
    assert np.isnan(body_size({"thigh": np.nan}))


def test_parts_are_compared_by_the_distances_that_both_show() -> None:
    places = np.random.default_rng(1).uniform(0, 50, (1, 4, 2))
    seen = np.ones((1, 4), bool)
    fewer = np.array([[True, True, True, False]])
    pairs = [(0, 1), (1, 2), (2, 3)]
    ratio = distance_ratio(
        "part", pairs, [(places, seen)], [(places * 1.2, fewer)], whole=1.0, limit=2.0
    )
    assert (ratio.source, ratio.ratio) == ("measured", pytest.approx(1.2))
    nothing = [(places, np.zeros((1, 4), bool))]
    ratio = distance_ratio("part", pairs, nothing, nothing, whole=1.7, limit=2.0)
    assert (ratio.source, ratio.ratio) == ("whole person", 1.7)
