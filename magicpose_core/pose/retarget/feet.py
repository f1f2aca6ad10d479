"""Keep feet standing where the driver's stand: bones of other lengths make them slide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..skeletons import BODY, FEET
from ..tracks import PartTrack

_SIDES = ("right", "left")
_STANDS = 0.12  # body heights per second: a foot that is slower stands
_SHORTEST = 0.1  # seconds that a foot stands at least
_EASE = 0.1  # seconds before and after, in which a foot comes to where it stands
_KNEE = 0.5  # share of an ankle's way that its knee follows


def plant_feet(
    moved: Mapping[str, PartTrack],
    driver: Mapping[str, PartTrack],
    *,
    fps: float,
    height: float,
    scale: float,
    score_threshold: float,
) -> dict[str, PartTrack]:
    """Move ankles and feet so that they stand while the driver's do, and knees half as far.

    While a foot stands it makes the driver's own movement, scaled, about its mean place.

    Args:
        moved: The aligned clip.
        driver: The driver's, in pixels of the same picture.
        fps: Frames a second.
        height: Of the driver in pixels.
        scale: Of the aligned person against the driver.
        score_threshold: Ankles with a lower score are not looked at.
    """
    body, feet = moved["body"].places.copy(), moved["feet"].places.copy()
    seen = driver["body"].seen(score_threshold)
    for side in _SIDES:
        ankle, knee = BODY.index(f"{side}_ankle"), BODY.index(f"{side}_knee")
        own = driver["body"].places[:, ankle]
        ways = np.zeros_like(own)
        weights = np.zeros(len(own))
        for stand in standing(own, seen[:, ankle], fps=fps, height=height):
            wanted = body[stand, ankle].mean(axis=0) + scale * (
                own[stand] - own[stand].mean(axis=0)
            )
            ways[stand] = wanted - body[stand, ankle]
            weights[stand] = 1
        ways = _eased(ways, weights, round(_EASE * fps))
        body[:, ankle] += ways
        body[:, knee] += _KNEE * ways
        points = [i for i, joint in enumerate(FEET.joints) if joint.startswith(side)]
        feet[:, points] += ways[:, None]
    return {
        **moved,
        "body": replace(moved["body"], places=body),
        "feet": replace(moved["feet"], places=feet),
    }


def standing(
    ankle: NDArray[np.float64], seen: NDArray[np.bool_], *, fps: float, height: float
) -> Iterator[slice]:
    """Yield the frames in which a foot stands.

    Args:
        ankle: (F, 2) places in pixels.
        seen: (F,), in which frames it was seen.
        fps: Frames a second.
        height: Of the person in pixels.
    """
    slow = np.zeros(len(ankle), bool)
    steps = np.linalg.norm(np.diff(ankle, axis=0), axis=-1) * fps < _STANDS * height
    steps &= seen[1:] & seen[:-1]
    slow[1:] |= steps
    slow[:-1] |= steps
    edges = np.flatnonzero(np.diff(np.r_[False, slow, False].astype(int)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start > max(2, _SHORTEST * fps):
            yield slice(int(start), int(stop))


def _eased(
    ways: NDArray[np.float64], weights: NDArray[np.float64], reach: int
) -> NDArray[np.float64]:
    """Let each way grow from nothing before a foot stands and fade behind it, without a jump."""
    known = np.flatnonzero(weights)
    if len(known) == 0:
        return ways
    frames = np.arange(len(ways))
    nearest = np.abs(frames[:, None] - known[None]).min(axis=1)
    filled = np.stack([np.interp(frames, known, ways[known, axis]) for axis in range(2)], axis=1)
    return np.asarray(filled * np.clip(1 - nearest / (reach + 1), 0, 1)[:, None])
