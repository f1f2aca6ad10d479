"""Steps of a clip where windows meet, and elsewhere."""

import numpy as np
import pytest

from magicpose_core.evaluation.seams import seam_ratio, seams, steps
from magicpose_core.sampling.windows import FrameWindows


def test_seams_are_where_other_windows_take_over():
    assert seams(FrameWindows(4, 0).over(10), 10) == [3, 7]
    assert seams(FrameWindows(4, 2).over(8), 8) == [1, 3, 5]
    assert seams(FrameWindows(16).over(10), 10) == []


def test_a_step_is_the_change_that_is_not_the_truths():
    truths = np.zeros((4, 8, 8, 3), np.uint8)
    truths[2:] = 30
    results = truths + 5
    assert steps(results, truths).tolist() == [0, 0, 0]
    results[3] += 7
    assert steps(results, truths).tolist() == [0, 0, 7]


def test_a_jump_at_a_seam_is_its_ratio_to_the_rest():
    measured = np.array([1.0, 1.0, 3.0, 1.0, 1.0])
    assert seam_ratio(measured, [2]) == pytest.approx(3)
    assert seam_ratio(measured, [0]) == pytest.approx(1 / 1.5)
