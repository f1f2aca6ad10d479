"""How a dancer moves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.data.dancers.motion import HIGHEST, LOWEST, draw_motion, posture_at

SEEDS = st.integers(0, 2**31)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(seed=SEEDS, moment=st.floats(-3, 3))
def test_no_posture_leaves_the_limits_of_the_joints(seed, moment):
    posture = posture_at(draw_motion(np.random.default_rng(seed)), moment)
    for value, low, high in zip(posture, LOWEST, HIGHEST, strict=True):
        assert low - 1e-9 <= value <= high + 1e-9


@settings(derandomize=True, max_examples=30, deadline=None)
@given(seed=SEEDS, moment=st.floats(0, 1))
def test_a_motion_is_a_loop(seed, moment):
    motion = draw_motion(np.random.default_rng(seed))
    assert posture_at(motion, moment) == pytest.approx(posture_at(motion, moment + 1))


@settings(derandomize=True, max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_a_motion_is_smooth(seed):
    motion = draw_motion(np.random.default_rng(seed))
    frames = np.array([posture_at(motion, frame / 96) for frame in range(97)])
    room = np.array(HIGHEST) - np.array(LOWEST)
    assert (np.abs(np.diff(frames, axis=0)) / room).max() < 0.08


def test_blink_and_mouth_rest_at_zero():
    postures = [posture_at(draw_motion(np.random.default_rng(seed)), 0.3) for seed in range(200)]
    assert min(posture.blink for posture in postures) == 0
    assert min(posture.mouth for posture in postures) == 0
    assert max(posture.mouth for posture in postures) > 0.4
