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
    roots = [_root_of_covariance(features) for features in (first, second)]
    spread = sum(float(np.square(root).sum()) for root in roots)
    # the root of C1 C2 has the trace of the singular values of R1 R2', where C = R' R
    shared = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    return max(0.0, float(means @ means + spread - 2 * shared))  # rounding may end below


def _root_of_covariance(features: Features) -> NDArray[np.float64]:
    """Give R with R' R the covariance, of no more rows than features are wide."""
    rows = features.astype(np.float64)
    centred = (rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r") if len(rows) > rows.shape[1] else centred)
