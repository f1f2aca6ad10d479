"""The Frechet distance between two sets of features, whatever network they come from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Features = NDArray[np.floating]


def frechet_distance(first: Features, second: Features) -> float:
    """Measure how far two Gaussians fitted to features are apart, 0 for equal ones.

    Args:
        first: (N, C) features of one set of pictures or clips.
        second: (M, C) features of the other.

    Raises:
        InputError: The widths differ, or a set has fewer than two rows.

    Source: Heusel et al. 2017, eq. 6.
    """
    for features in (first, second):
        if features.ndim != 2 or len(features) < 2 or features.shape[1] != first.shape[1]:
            raise InputError(
                "features must be (N, C) with at least two rows and one width, got "
                f"{first.shape} and {second.shape}"
            )
    means = first.mean(axis=0) - second.mean(axis=0)
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    # the trace of the root of a product of covariances is the sum of its eigenvalues' roots, which
    # are real and not negative but for rounding
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1])
    root = np.sqrt(np.clip(eigenvalues.real, 0, None)).sum()
    return float(means @ means + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * root)
