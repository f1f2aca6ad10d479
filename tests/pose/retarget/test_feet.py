"""Feet that stand in the driver stand in the aligned clip."""

from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.evaluation.kinematic_figures import pose, random_body, random_motion
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.retarget.align import align
from magicpose_core.pose.retarget.body_tree import MID_HIP
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.skeletons import BODY

from .drawn_people import SIZE, a_clip, assert_same, pixels

ANKLE = BODY.index("right_ankle")
STAND = slice(20, 60)


def a_dance() -> PoseSequence:
    """A figure that moves over its right foot, which stands still for 40 of 80 frames."""
    generator = np.random.default_rng(3)
    places = pose(random_body(generator, 400), random_motion(generator, 80, depth=False))
    held = places[:, ANKLE].copy()
    held[STAND] = held[20]
    held[60:] += held[59] - places[59, ANKLE]
    places = places + (held - places[:, ANKLE])[:, None] + 500
    people = tuple(
        (PersonPose(body=Keypoints.from_pixels(p, np.ones(18), *SIZE)),)
        for p in places[:, :MID_HIP]
    )
    return PoseSequence(frames=people, width=SIZE[0], height=SIZE[1])


def slip(clip: PoseSequence) -> float:
    """Return how far the ankle wanders in percent of the picture's height."""
    ankle = pixels_of_body(clip)[STAND, ANKLE]
    return float(100 * np.linalg.norm(ankle - ankle.mean(axis=0), axis=-1).max() / SIZE[1])


def pixels_of_body(clip: PoseSequence) -> np.ndarray:
    return np.stack([people[0].body.pixels(*SIZE) for people in clip.frames])


@pytest.mark.parametrize("seed", [0, 1, 2, 4])
def test_feet_slip_at_most_a_quarter_as_far(seed: int) -> None:
    dance, reference = a_dance(), a_clip(seed, frames=1).frames[0][0]
    loose, planted = (
        align(dance, reference, SIZE, AlignSettings(plant_feet=plant, keep_inside=False)).sequence
        for plant in (False, True)
    )
    assert slip(dance) < 0.01
    assert slip(loose) > 0.1
    assert slip(planted) < 0.25 * slip(loose)
    steps = np.linalg.norm(np.diff(pixels_of_body(planted)[:, ANKLE], axis=0), axis=-1)
    assert steps.max() < 60


def test_your_own_feet_are_not_moved() -> None:
    clip = a_clip(2, frames=12)
    own = align(clip, clip.frames[0][0], SIZE, AlignSettings(plant_feet=True)).sequence
    assert_same(clip, own, 0.05)
    assert pixels(own)["feet"].shape == (12, 6, 2)
