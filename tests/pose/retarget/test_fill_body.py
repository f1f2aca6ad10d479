"""Unseen nodes move along with the seen ones that they hang on."""

from __future__ import annotations

import numpy as np

from magicpose_core.evaluation.kinematic_figures import pose, random_body, random_motion
from magicpose_core.pose.retarget.body_tree import HIPS, MID_HIP, node, with_mid_hip
from magicpose_core.pose.retarget.fill_body import fill_body


def a_jump(frames: int = 9) -> np.ndarray:
    """A still body that is thrown about: (F, 18, 2)."""
    generator = np.random.default_rng(2)
    still = pose(random_body(generator, 400), random_motion(generator, 1, depth=False))
    return still[:, :MID_HIP] + 500 + generator.uniform(-40, 40, (frames, 1, 2))


def test_a_hidden_hand_goes_where_its_arm_goes() -> None:
    places = a_jump()
    seen = np.ones(places.shape[:2], bool)
    seen[3:6, node("left_wrist")] = seen[4, node("left_elbow")] = False
    filled = fill_body(*with_mid_hip(places, seen))
    np.testing.assert_allclose(filled[:, :MID_HIP], places, atol=1e-9)


def test_one_hip_tells_where_the_middle_of_both_is() -> None:
    places = a_jump()
    seen = np.ones(places.shape[:2], bool)
    seen[2:7, HIPS[0]] = False
    filled = fill_body(*with_mid_hip(places, seen))
    np.testing.assert_allclose(filled[:, MID_HIP], places[:, HIPS].mean(axis=1), atol=1e-9)


def test_without_a_neighbour_places_are_interpolated() -> None:
    places = np.stack([np.full((18, 2), 10.0 * frame) for frame in range(3)])
    seen = np.ones(places.shape[:2], bool)
    seen[1] = False
    filled = fill_body(*with_mid_hip(places, seen))
    np.testing.assert_allclose(filled[1], 10.0)
