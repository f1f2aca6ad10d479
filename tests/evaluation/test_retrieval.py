"""Retrieval of the right pose and the right person among true renderings."""

import cv2
import numpy as np
import pytest

from magicpose_core.data.dancers.clips import free_scene
from magicpose_core.evaluation.retrieval import (
    CANDIDATES,
    Candidate,
    finds_the_right_one,
    histogram_finds_the_right_one,
    same_person,
    same_pose,
)

SIZE = 64


@pytest.fixture(scope="module")
def poses() -> list[Candidate]:
    return same_person(free_scene(0, 1, "heldout"), 0, SIZE)


@pytest.fixture(scope="module")
def people() -> list[Candidate]:
    return same_pose(free_scene(0, 1, "heldout"), 0, SIZE)


def test_there_are_sixteen_different_candidates(poses, people):
    for candidates in (poses, people):
        assert len(candidates) == CANDIDATES
        assert len({one.picture.tobytes() for one in candidates}) == CANDIDATES


def test_the_truth_finds_itself(poses, people):
    assert finds_the_right_one(poses[0].picture, poses)
    assert finds_the_right_one(people[0].picture, people)


def test_the_noisy_truth_finds_itself(poses, people):
    rng = np.random.default_rng(0)
    for candidates in (poses, people):
        noisy = candidates[0].picture + rng.normal(0, 20, candidates[0].picture.shape)
        assert finds_the_right_one(noisy.clip(0, 255).astype(np.uint8), candidates)


def test_another_candidate_is_not_taken_for_the_truth(poses, people):
    assert not any(finds_the_right_one(one.picture, poses) for one in poses[1:])
    assert not any(finds_the_right_one(one.picture, people) for one in people[1:])


def test_an_empty_picture_is_not_taken_for_the_truth(poses):
    place = poses[0].picture[0, 0]
    assert not finds_the_right_one(np.broadcast_to(place, (SIZE, SIZE, 3)).copy(), poses)


def test_other_people_stand_in_the_same_pose_in_the_same_colours(people):
    outlines = [one.person for one in people]
    for outline in outlines[1:]:
        overlap = (outline & outlines[0]).sum() / (outline | outlines[0]).sum()
        assert overlap > 0.6


def test_a_colour_histogram_does_not_tell_the_person():
    right = []
    for index in range(8):
        others = same_pose(free_scene(index, 1, "heldout"), index, 128)
        blurred = cv2.GaussianBlur(others[0].picture, (0, 0), 1.6)
        noise = np.random.default_rng(index).normal(0, 6, blurred.shape)
        blurred = (blurred + noise).clip(0, 255).astype(np.uint8)
        assert finds_the_right_one(blurred, others)
        right.append(histogram_finds_the_right_one(blurred, others))
    assert np.mean(right) <= 0.5
