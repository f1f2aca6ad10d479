from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.pose.retarget.framing import HEAD, keep_inside, outside

SIZE = (100, 100)
SQUARE = np.array([[-10.0, -10.0], [10.0, 10.0]])


def path(walk: list[float], around: np.ndarray = SQUARE) -> tuple[np.ndarray, float]:
    """Walk along x from the middle; return the places and the share of the walk that is left."""
    still = np.array([50.0, 50.0])
    ways = np.stack([np.array(walk), np.zeros(len(walk))], axis=1)
    framing = keep_inside(still, ways, np.tile(around, (len(walk), 1, 1)), SIZE)
    places = still + framing.share * ways + framing.held
    np.testing.assert_array_equal(places[:, 1], 50)
    return places[:, 0], framing.share


def test_heads_inside_are_left_alone() -> None:
    places, share = path([0, 20, 40])
    np.testing.assert_array_equal(places, [50, 70, 90])
    assert share == 1


def test_walks_that_leave_are_shortened_about_where_the_person_stands() -> None:
    places, share = path([0, 40, 80])
    assert places[0] == 50
    assert places[-1] <= 90
    assert share == pytest.approx(0.5)
    np.testing.assert_allclose(np.diff(places), np.diff(places)[0])


def test_single_frames_that_leave_are_held_at_the_edge() -> None:
    places, share = path([0] * 39 + [60])
    assert share == 1
    np.testing.assert_array_equal(places, [50] * 39 + [90])


def test_heads_larger_than_the_picture_are_left_where_they_are() -> None:
    places, share = path([0, 10], SQUARE * 6)
    np.testing.assert_array_equal(places, [50, 50 + 10 * share])


def test_without_a_head_nothing_is_moved() -> None:
    assert path([-500, 500], np.zeros((0, 2)))[1] == 1


def test_frames_are_counted_whose_head_is_not_wholly_inside() -> None:
    places = np.full((3, 18, 2), 50.0)
    places[1, HEAD[0]] = (50, -1)
    places[2, HEAD[0]] = (50, -1)
    seen = np.ones((3, 18), bool)
    seen[2, HEAD[0]] = False
    assert outside(places, seen, SIZE) == (1, 3)
