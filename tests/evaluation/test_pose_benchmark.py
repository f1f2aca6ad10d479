from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.evaluation.pose_benchmark import (
    METHODS,
    measure_alignment,
    measure_smoothing,
    random_pair,
    report,
)
from magicpose_core.pose.cleanup.settings import FILTERS, SmoothSettings

PAIRS = 30


def test_plane_figures_are_fitted_within_two_percent() -> None:
    fits = measure_alignment(PAIRS, hidden=0, depth=False)
    assert fits["aligned"].error.mean() < 0.1
    assert fits["aligned"].growth.max() < 1
    assert fits["hips on hips"].error.mean() > 5
    assert fits["scaled by height"].error.mean() > 1


def test_hidden_joints_cost_less_than_four_percent() -> None:
    fits = measure_alignment(PAIRS, hidden=0.3, depth=False)
    assert fits["aligned"].error.mean() < 4
    assert fits["aligned"].error.mean() < fits["scaled by height"].error.mean()


def test_foreshortened_figures_do_not_grow_and_are_fitted_best_by_us() -> None:
    fits = measure_alignment(PAIRS, hidden=0, depth=True)
    assert fits["aligned"].error.mean() < 2
    assert fits["aligned"].growth.max() < 15
    assert fits["first-frame ratios"].error.mean() > 1.5 * fits["aligned"].error.mean()


@pytest.mark.parametrize("filter", ["savitzky-golay", "one-euro"])
def test_jitter_falls_by_sixty_percent_without_lag(filter: str) -> None:
    quiet = measure_smoothing(SmoothSettings(filter=filter), clips=2)
    assert quiet.jitter_before == pytest.approx(1, abs=0.05)
    assert quiet.jitter_after < 0.4 * quiet.jitter_before
    assert quiet.error_after < quiet.error_before
    assert abs(quiet.lag) <= 1


def test_the_truth_has_the_references_bones_and_the_drivers_directions() -> None:
    pair = random_pair(np.random.default_rng(1), hidden=0, depth=False)
    knee, ankle = 9, 10
    shin = np.linalg.norm(pair.truth[:, ankle] - pair.truth[:, knee], axis=-1)
    np.testing.assert_allclose(shin, pair.lengths["shin"], rtol=1e-6)
    own, true = (p[:, ankle] - p[:, knee] for p in (pair.driver, pair.truth))
    crossed = own[:, 0] * true[:, 1] - own[:, 1] * true[:, 0]
    np.testing.assert_allclose(crossed, 0, atol=1e-6)


def test_the_report_has_every_method_in_every_setting_and_every_filter() -> None:
    rows = report(pairs=2, clips=1).splitlines()
    assert [sum(row.strip().startswith(name) for row in rows) for name in METHODS] == [4] * 4
    assert [sum(row.strip().startswith(name) for row in rows) for name in FILTERS] == [1] * 3
