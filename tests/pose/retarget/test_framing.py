from __future__ import annotations

import numpy as np

from magicpose_core.pose.retarget.framing import keep_inside

SIZE = (100, 100)
SQUARE = np.array([[-10.0, -10.0], [10.0, 10.0]])


def kept(path: list[float], around: np.ndarray = SQUARE) -> np.ndarray:
    """Move along x at half height."""
    paths = np.stack([np.array(path), np.full(len(path), 50.0)], axis=1)
    result = keep_inside(paths, np.tile(around, (len(path), 1, 1)), SIZE)
    np.testing.assert_array_equal(result[:, 1], 50)
    return result[:, 0]


def test_who_is_inside_is_left_alone() -> None:
    np.testing.assert_array_equal(kept([10, 50, 90]), [10, 50, 90])


def test_who_sticks_out_is_shifted_no_farther_than_needed() -> None:
    np.testing.assert_allclose(kept([60, 80, 95]), [55, 75, 90])
    np.testing.assert_allclose(kept([5, 50]), [10, 55])


def test_walks_that_are_too_long_are_shortened_to_fit() -> None:
    path = kept([0, 100, 200])
    assert path[0] >= 10
    assert path[-1] <= 90
    assert 70 < path[-1] - path[0] <= 80
    np.testing.assert_allclose(np.diff(path), np.diff(path)[0])


def test_who_does_not_fit_standing_still_is_centred_and_keeps_half_of_the_walk() -> None:
    wide = SQUARE * 6
    path = kept([50, 90], wide)
    assert path.mean() == 50
    np.testing.assert_allclose(path[1] - path[0], 20)


def test_without_joints_to_show_nothing_is_moved() -> None:
    np.testing.assert_array_equal(kept([-50, 500], np.zeros((0, 2))), [-50, 500])
