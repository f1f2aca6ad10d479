"""The Frechet distance against closed forms and the authors' number."""

import json
from pathlib import Path

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.evaluation.frechet import frechet_distance


def test_distance_equals_the_authors(golden_folder: Path):
    features = np.load(golden_folder / "metrics" / "features.npz")
    expected = json.loads((golden_folder / "metrics" / "metrics.json").read_text())["frechet"]
    distance = frechet_distance(features["features1"], features["features2"])
    assert distance == pytest.approx(expected, rel=1e-6)


def test_equal_sets_are_at_distance_zero():
    features = np.random.default_rng(0).normal(size=(64, 8))
    assert 0 <= frechet_distance(features, features) < 1e-6


def test_shifted_sets_are_at_the_squared_shift():
    features = np.random.default_rng(0).normal(size=(64, 8))
    assert frechet_distance(features, features + 2.0) == pytest.approx(8 * 4.0, abs=1e-6)


def test_scaled_sets_are_at_the_squared_difference_of_deviations():
    features = np.random.default_rng(0).normal(size=(64, 1)) * np.eye(1, 4)
    features[:, 1:] = np.random.default_rng(1).normal(size=(64, 3))
    features -= features.mean(axis=0)
    expected = sum((3 * s - s) ** 2 for s in np.linalg.svd(features)[1] / np.sqrt(63))
    assert frechet_distance(features, 3 * features) == pytest.approx(expected, rel=1e-9)


def test_sets_of_other_widths_are_refused():
    with pytest.raises(InputError, match=r"got \(4, 3\) and \(4, 2\)"):
        frechet_distance(np.zeros((4, 3)), np.zeros((4, 2)))
