"""Means over clips with bootstrap intervals: how far they depend on which clips were taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES, SHARE = 2000, 0.95


@dataclass(frozen=True)
class Interval:
    """A mean, and the percentile bootstrap interval of it.

    Attributes:
        mean: Over clips, each counting the same.
        low: 2.5th percentile of the resampled means; None for one clip, which tells no spread.
        high: 97.5th percentile.
        clips: That have the figure.
    """

    mean: float
    low: float | None
    high: float | None
    clips: int


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Give the mean of the clips' values with its interval.

    Args:
        values: One for each clip.
        seed: Of the resampling; the same values and seed give the same interval.

    Source: Efron 1979, percentile method, 2,000 resamples.
    """
    mean = math.inf if math.inf in values else float(np.mean(values))
    if len(values) < 2 or not math.isfinite(mean):
        return Interval(mean, None, None, len(values))
    drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    means = np.asarray(values, np.float64)[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Interval(mean, float(low), float(high), len(values))


def over_clips(clips: Mapping[str, Mapping[str, float]]) -> dict[str, Interval]:
    """Average the figures of clips.

    Args:
        clips: Clip -> metric -> value; a clip may lack a metric.

    Returns:
        Metric -> mean and interval.
    """
    metrics = dict.fromkeys(metric for figures in clips.values() for metric in figures)
    return {
        metric: interval([figures[metric] for figures in clips.values() if metric in figures])
        for metric in metrics
    }
