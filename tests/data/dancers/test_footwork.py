"""Feet that are planted stand still, in the world and in the picture of a fixed camera."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.data.dancers.clips import draw_clip
from magicpose_core.data.dancers.figure import pose_figure
from magicpose_core.data.dancers.footwork import foot_slip, ground_ankle
from magicpose_core.data.dancers.motion import HIGHEST, LOWEST
from magicpose_core.pose.skeletons import BODY

FEET = ("right", "left")


def ankles(clip, side):
    figures = [pose_figure(clip.dancer.body, posture) for posture in clip.postures]
    return [getattr(figure, f"{side}_leg").ankle for figure in figures]


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    index=st.integers(0, 10_000),
    travel=st.sampled_from([0.0, 0.3, -0.2]),
    build=st.sampled_from(["usual", "chibi"]),
)
def test_a_planted_foot_stands_still_on_the_ground(index, travel, build):
    clip = draw_clip(index, 40, travel=travel, build=build)
    for foot, side in enumerate(FEET):
        planted = [contact[foot] for contact in clip.contacts]
        places = ankles(clip, side)
        assert foot_slip(places, planted) < 1e-12
        ground = ground_ankle(clip.dancer.body)
        for place, stands in zip(places, planted, strict=True):
            assert place.imag <= ground + 1e-12
            assert not stands or place.imag == pytest.approx(ground, abs=1e-12)


def test_a_planted_ankle_stands_still_in_the_picture():
    clip = draw_clip(4, 32, framing="full", travel=0.2)
    poses = [frame.pose for frame in clip.frames(64)]
    for foot, side in enumerate(FEET):
        joint = BODY.index(f"{side}_ankle")
        places = [complex(*pose.body.xy[joint]) for pose in poses]
        assert foot_slip(places, [contact[foot] for contact in clip.contacts]) < 1e-6


def test_both_feet_step_and_one_always_stands():
    clip = draw_clip(0, 48)
    contacts = np.array(clip.contacts)
    assert contacts.any(axis=1).all()
    assert ((~contacts).mean(axis=0) > 0.1).all()
    for side in FEET:
        heights = np.imag(ankles(clip, side))
        assert heights.max() - heights.min() > 0.01


@pytest.mark.parametrize("travel", [0.0, 0.4])
def test_a_walk_covers_its_way_and_a_dance_comes_back(travel):
    clip = draw_clip(2, 48, travel=travel)
    first, last = (np.mean([ankles(clip, side)[frame].real for side in FEET]) for frame in (0, -1))
    assert clip.contacts[0] == clip.contacts[-1] == (True, True)
    assert last - first == pytest.approx(travel, abs=0.1)


def test_knees_stay_in_the_limits_of_a_body():
    for index in range(20):
        for posture in draw_clip(index, 24).postures:
            assert 0 <= posture.right_knee <= HIGHEST.right_knee + 1e-9
            assert -0.2 < posture.right_lift < 0.9
            assert abs(posture.right_leg) < 1.0
            assert posture.lean >= LOWEST.lean


def test_the_slip_of_a_foot_is_its_farthest_way_while_planted():
    places = [0j, 0.1 + 0j, 0.5 + 0j, 0.5 + 0j, 0.8 + 0j]
    assert foot_slip(places, [True, True, False, True, True]) == pytest.approx(0.3)
    assert foot_slip(places, [False] * 5) == 0
