from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import BODY


def test_keypoints_are_immutable_and_own_their_numbers() -> None:
    xy = np.full((18, 2), 0.5)
    points = Keypoints(xy, np.ones(18))
    xy[:] = 0
    assert (points.xy == 0.5).all()
    assert points.xy.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        points.xy[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        points.xy = xy  # type: ignore[misc]


def test_absent_points_lie_at_the_origin_whatever_was_given() -> None:
    points = Keypoints(np.array([[np.nan, 3.0], [0.5, 0.5]]), np.array([0.0, 1.0]))
    assert points.xy.tolist() == [[0, 0], [0.5, 0.5]]
    assert points == Keypoints(np.array([[9.0, 9.0], [0.5, 0.5]]), np.array([0.0, 1.0]))
    assert hash(points) == hash(Keypoints(points.xy, points.score))


def test_pixels_of_whole_numbers_come_back() -> None:
    pixels = np.stack([np.arange(540), np.arange(540)], axis=1)
    points = Keypoints.from_pixels(pixels, np.ones(540), 540, 960)
    np.testing.assert_allclose(points.pixels(540, 960), pixels, atol=1e-4)


def test_visible_never_counts_absent_points() -> None:
    points = Keypoints(np.zeros((3, 2)), np.array([0, 0.3, 0.9]))
    assert points.visible(0.0).tolist() == [False, True, True]
    assert points.visible(0.3).tolist() == [False, True, True]
    assert points.visible(0.31).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("xy", "score", "text"),
    [
        (np.zeros((18, 3)), np.zeros(18), r"xy \(K, 2\)"),
        (np.zeros((18, 2)), np.zeros(17), r"score \(K,\)"),
        (np.zeros((2, 2)), np.array([0.5, 1.5]), r"0..1.*1.5 at index \[1\]"),
        (np.zeros((2, 2)), np.array([0.5, np.nan]), "nan"),
        (np.array([[0.0, np.inf]]), np.ones(1), "must be numbers"),
    ],
)
def test_wrong_keypoints_are_refused(xy: np.ndarray, score: np.ndarray, text: str) -> None:
    with pytest.raises(InputError, match=text):
        Keypoints(xy, score)


def test_parts_of_a_wrong_size_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="left_hand must have 21 points, got 20"):
        PersonPose(body=Keypoints.absent(18), left_hand=Keypoints.absent(20))


def test_mirror_twice_is_the_same_person(make_person: Callable[..., PersonPose]) -> None:
    person = make_person(np.random.default_rng(0))
    twice = person.mirrored().mirrored()
    for (part, one), (same, other) in zip(person.parts(), twice.parts(), strict=True):
        assert part == same
        np.testing.assert_allclose(one.xy, other.xy, atol=1e-6)
        np.testing.assert_array_equal(one.score, other.score)


def test_mirror_swaps_the_hands_and_the_sides(make_person: Callable[..., PersonPose]) -> None:
    person = make_person(np.random.default_rng(1), missing=0.0)
    other = person.mirrored()
    left, right = BODY.index("left_wrist"), BODY.index("right_wrist")
    assert other.body.xy[right, 0] == pytest.approx(1 - person.body.xy[left, 0])
    assert other.right_hand is not None
    assert person.left_hand is not None
    np.testing.assert_allclose(other.right_hand.xy[:, 1], person.left_hand.xy[:, 1])


def test_a_sequence_needs_a_size_and_a_rate() -> None:
    with pytest.raises(InputError, match="1 to 16384 pixels a side"):
        PoseSequence(frames=(), width=0, height=4)
    with pytest.raises(InputError, match="frames per second"):
        PoseSequence(frames=(), width=4, height=4, fps=0)
    assert len(PoseSequence(frames=((), ()), width=4, height=4)) == 2
