"""How long a bone of a clip is, and how large one person is against another by all bones."""

from __future__ import annotations

import numpy as np

from .body_tree import BONES, TYPICAL_LENGTH, Mask, Points

_NEARLY_LONGEST = 0.9  # quantile over the frames: the longest frame is the noisiest one


def bone_length(
    points: Points, seen: Mask, pair: tuple[int, int], *, quantile: float = _NEARLY_LONGEST
) -> float:
    """Measure the way between two nodes over the frames that show both.

    A picture shows a bone at its true length or foreshortened, never longer.

    Args:
        points: (F, N, 2) places in pixels.
        seen: (F, N).
        pair: The two nodes.
        quantile: Of the lengths over the frames.

    Returns:
        Length in pixels, NaN where no frame shows both.
    """
    start, end = pair
    shown: Mask = seen[:, start] & seen[:, end]
    if not shown.any():
        return float("nan")
    lengths = np.linalg.norm(points[shown, start] - points[shown, end], axis=-1)
    return float(np.quantile(lengths, quantile))


def person_scale(driver: tuple[Points, Mask], reference: tuple[Points, Mask]) -> float:
    """Return the size of the reference in sizes of the driver: the weighted median of the bones.

    Nothing is guessed and nothing left out, so that growth is judged by it (see ``fit``).

    Args:
        driver: (F, 19, 2) places in pixels and their (F, 19) mask.
        reference: The same of the reference, one frame.

    Returns:
        The lower one of two medians; NaN where no bone is shown by both.
    """
    ratios, weights = [], []
    for bone in BONES:
        own, ref = (bone_length(*each, (bone.parent, bone.child)) for each in (driver, reference))
        if own > 0 and ref > 0:
            ratios.append(ref / own)
            weights.append(TYPICAL_LENGTH[bone.kind])
    if not ratios:
        return float("nan")
    order = np.argsort(ratios)
    shares = np.cumsum(np.array(weights)[order]) / sum(weights)
    return float(np.array(ratios)[order][np.searchsorted(shares, 0.5)])
