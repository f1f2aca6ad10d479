"""Distances of sets against closed forms and independent computations."""

import numpy as np
import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.evaluation.clip_figures import COPIED, RESULT, ClipFrames
from magicpose_core.evaluation.frechet import frechet_distance
from magicpose_core.evaluation.set_metrics import (
    distances_of_clips,
    distances_of_frames,
    kernel_distance,
)


def test_kernel_distance_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (5, 3)), rng.normal(0.5, 1, (4, 3))

    def k(a, b):
        return (a @ b / 3 + 1) ** 3

    within = [
        np.mean([k(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j])
        for rows in (first, second)
    ]
    across = np.mean([k(a, b) for a in first for b in second])
    assert kernel_distance(first, second) == pytest.approx(sum(within) - 2 * across)


def test_kernel_distance_is_unbiased_for_one_distribution_and_positive_for_two():
    rng = np.random.default_rng(1)
    same = [kernel_distance(*rng.normal(0, 1, (2, 40, 4))) for _ in range(200)]
    assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(len(same))
    assert kernel_distance(rng.normal(0, 1, (40, 4)), rng.normal(1, 1, (40, 4))) > 3 * np.std(same)


def test_kernel_distance_needs_two_rows():
    with pytest.raises(InputError, match="at least two rows"):
        kernel_distance(np.zeros((1, 3)), np.zeros((4, 3)))


def test_frechet_distance_of_known_gaussians():
    rng = np.random.default_rng(2)
    first, second = rng.normal(0, 1, (20_000, 2)), rng.normal((1, 2), (2, 3), (20_000, 2))
    # means 1 and 2 apart, deviations 1 and 2, 1 and 3 on the axes
    expected = 1 + 4 + (2 - 1) ** 2 + (3 - 1) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected, rel=0.03)


def clip(name: str, count: int, level: int) -> ClipFrames:
    rng = np.random.default_rng((count, level))
    truth = rng.integers(0, 200, (count, 8, 8, 3), dtype=np.uint8)
    result = truth + np.uint8(level)
    return ClipFrames(
        name=name, count=count, results=lambda: iter(result), truths=lambda: iter(truth)
    )


def mean_colour(frame):
    return frame.reshape(-1, 3).mean(axis=0).astype(np.float64)


def test_frames_of_all_clips_are_one_set():
    clips = [clip("a", 6, 10), clip("b", 5, 10)]
    metric = distances_of_frames(mean_colour, frechet="f", kernel="k")
    found = metric.measure(clips)
    assert metric.names == "f, k"
    # every colour 10 higher: the means 10 apart on three axes, equal covariances
    assert found[RESULT]["f"] == pytest.approx(300, rel=1e-6)
    assert found[COPIED]["f"] > 0
    assert {"f", "k"} == found[RESULT].keys()


def test_clips_are_pooled_and_averaged():
    clips = [clip("a", 9, 10), clip("b", 8, 20)]
    metric = distances_of_clips(
        lambda piece: piece.mean(dim=(2, 3, 4)),
        frames=4,
        size=8,
        pooled="pooled",
        per_clip="mean",
    )
    found = metric.measure(clips)[RESULT]
    assert found["mean"] == pytest.approx((300 + 1200) / 2, rel=1e-4)
    assert found["pooled"] == pytest.approx(frechet_distance(*_pooled(clips)), rel=1e-6)


def _pooled(clips):
    sides = []
    for read in ("results", "truths"):
        rows = []
        for each in clips:
            frames = torch.from_numpy(np.stack(list(getattr(each, read)()))).double()
            rows += [frames[s : s + 4].mean(dim=(0, 1, 2)).numpy() for s in (0, 4)]
        sides.append(np.stack(rows).astype(np.float64))
    return sides


def test_one_piece_is_refused_with_the_reason():
    metric = distances_of_clips(
        lambda piece: piece.mean(dim=(2, 3, 4)), frames=16, size=8, pooled="fvd", per_clip=None
    )
    with pytest.raises(InputError, match="needs two pieces of 16 frames, there is 1"):
        metric.measure([clip("a", 20, 1)])
