from __future__ import annotations

import numpy as np

from magicpose_core.pose.draw import draw_poses
from magicpose_core.pose.overlay import before_and_after, overlay_poses

from .conftest import random_person


def test_the_pose_is_drawn_over_the_dimmed_frame() -> None:
    person = random_person(np.random.default_rng(0), missing=0.0)
    frame = np.full((96, 64, 3), 100, np.uint8)
    drawn, laid = draw_poses([person], 96, 64), overlay_poses(frame, [person])
    on = drawn.any(axis=2)
    np.testing.assert_array_equal(laid[on], drawn[on])
    assert (laid[~on] == 60).all()
    assert (frame == 100).all()


def test_before_stands_left_of_after() -> None:
    person = random_person(np.random.default_rng(1), missing=0.0)
    picture = np.full((96, 64, 3), 100, np.uint8)
    laid = before_and_after(picture, [], [person])
    assert laid.shape == (96, 128, 3)
    assert (laid[:, :64] == 60).all()
    np.testing.assert_array_equal(laid[:, 64:], overlay_poses(picture, [person]))
