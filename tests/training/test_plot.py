"""Curves read back and drawn."""

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.images import read_image
from magicpose_core.training.curves import Curves
from magicpose_core.training.plot import plot, read_curve, smooth


def test_what_a_run_writes_is_read_back_and_drawn(tmp_path):
    curves = Curves(tmp_path / "run", 0)
    for step in range(1, 5):
        curves.write("training", step, {"loss": 1 / step, "gradient_norm": 2.0})
    curves.write("validation", 4, {"loss": 0.5})
    curves.close()
    steps, losses = read_curve(tmp_path / "run" / "training.csv")
    assert steps.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(losses, 1 / steps)
    plot([tmp_path / "run", tmp_path / "run"], tmp_path / "curves.png")
    picture = read_image(tmp_path / "curves.png")
    assert picture.shape[3] > 2 * picture.shape[2]
    assert picture.std() > 0.05


def test_smoothing_averages_what_came_before():
    np.testing.assert_allclose(smooth(np.array([4.0, 2.0, 0.0]), 2), [4.0, 3.0, 1.0])
    np.testing.assert_allclose(smooth(np.full(99, 3.0)), 3.0)


def test_a_folder_without_curves_is_named(tmp_path):
    with pytest.raises(InputError, match=r"training\.csv holds no curve"):
        plot([tmp_path], tmp_path / "curves.png")
