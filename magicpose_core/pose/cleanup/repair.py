"""Mend what detectors get wrong along time: swapped sides, jumps of single points, short gaps.

Every function takes tracks and returns new ones. Distances are in pixels here; ``smooth`` turns
seconds and body heights into frames and pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..retarget.body_tree import Mask, Points
from ..skeletons import BODY, FEET
from ..tracks import PartTrack, fill_gaps

_ARMS = ("shoulder", "elbow", "wrist")
_LEGS = ("hip", "knee", "ankle")
_SIDES = ("right", "left")
_SWAP_IS_CLEARLY_NEARER = 0.5  # of the way that the points would have jumped


def repair_swaps(
    tracks: Mapping[str, PartTrack], *, score_threshold: float, least: float
) -> dict[str, PartTrack]:
    """Swap left and right back in frames where arms or legs change sides from one to the next.

    Args:
        tracks: The parts of a clip; hands follow the arms, feet the legs.
        score_threshold: Points with a lower score are not compared.
        least: A limb must come nearer to the frame before by this many pixels a joint.
    """
    body = tracks["body"]
    seen = body.seen(score_threshold)
    places, score = body.places.copy(), body.score.copy()
    swapped = {}
    for limb in (_ARMS, _LEGS):
        order = [BODY.index(f"{side}_{joint}") for side in _SIDES for joint in limb]
        other = [BODY.mirror[index] for index in order]
        frames = _swapped_frames(places[:, order], seen[:, order], least)
        places[frames[:, None], order] = body.places[frames[:, None], other]
        score[frames[:, None], order] = body.score[frames[:, None], other]
        swapped[limb] = frames
    left, right = tracks["left_hand"], tracks["right_hand"]
    return {
        "body": replace(body, places=places, score=score),
        "left_hand": _exchange(left, right, swapped[_ARMS]),
        "right_hand": _exchange(right, left, swapped[_ARMS]),
        "face": tracks["face"],
        "feet": _mirror(tracks["feet"], list(FEET.mirror), swapped[_LEGS]),
    }


def reject_jumps(
    track: PartTrack, *, score_threshold: float, reach: int, limit: float
) -> PartTrack:
    """Take points out that lie far from the median of the frames around them.

    Args:
        track: One part.
        score_threshold: Points with a lower score are neither compared nor taken out.
        reach: Frames before and after that are looked at.
        limit: Distance in pixels from which a point is taken out.
    """
    score = track.score.copy()
    seen = track.seen(score_threshold)
    for point in range(seen.shape[1]):
        around = _median_around(track.places[:, point], seen[:, point], reach)
        distance = np.linalg.norm(track.places[:, point] - around, axis=-1)
        score[seen[:, point] & (distance > limit), point] = 0
    return replace(track, score=score)


def fill_short_gaps(track: PartTrack, *, score_threshold: float, longest: int) -> PartTrack:
    """Fill gaps between seen points by straight lines; a filled point is as sure as its ends.

    Args:
        track: One part; frames in which it is None get it where points are filled.
        score_threshold: Points with a lower score count as gaps.
        longest: Gaps of more frames stay.
    """
    seen = track.seen(score_threshold)
    places, score = track.places.copy(), track.score.copy()
    straight = fill_gaps(track.places, seen)
    filled = np.zeros_like(seen)
    for point in range(seen.shape[1]):
        known = np.flatnonzero(seen[:, point])
        lengths = np.diff(known) - 1
        for last in np.flatnonzero((lengths > 0) & (lengths <= longest)):
            before, after = known[last], known[last + 1]
            gap = slice(before + 1, after)
            places[gap, point] = straight[gap, point]
            score[gap, point] = min(score[before, point], score[after, point])
            filled[gap, point] = True
    return replace(track, places=places, score=score, present=track.present | filled.any(axis=1))


def _swapped_frames(places: Points, seen: Mask, least: float) -> NDArray[np.int_]:
    """Return the frames whose right points (first half) belong to the left and the other way."""
    half = places.shape[1] // 2
    order = np.r_[half : 2 * half, :half]
    last, known = places[0].copy(), seen[0].copy()
    swapped = []
    for frame in range(1, len(places)):
        now, visible = places[frame], seen[frame]
        compared = known & visible & visible[order] & known[order]
        if compared.any():
            kept = np.linalg.norm(now - last, axis=-1)[compared].mean()
            crossed = np.linalg.norm(now[order] - last, axis=-1)[compared].mean()
            if crossed < _SWAP_IS_CLEARLY_NEARER * kept and kept - crossed > least:
                now, visible = now[order], visible[order]
                swapped.append(frame)
        last[visible], known = now[visible], known | visible
    return np.array(swapped, int)


def _exchange(track: PartTrack, other: PartTrack, frames: NDArray[np.int_]) -> PartTrack:
    places, score, present = track.places.copy(), track.score.copy(), track.present.copy()
    places[frames], score[frames] = other.places[frames], other.score[frames]
    present[frames] = other.present[frames]
    return PartTrack(places=places, score=score, present=present)


def _mirror(track: PartTrack, order: list[int], frames: NDArray[np.int_]) -> PartTrack:
    places, score = track.places.copy(), track.score.copy()
    places[frames], score[frames] = track.places[frames][:, order], track.score[frames][:, order]
    return replace(track, places=places, score=score)


def _median_around(
    places: NDArray[np.float64], seen: NDArray[np.bool_], reach: int
) -> NDArray[np.float64]:
    """Return the median (F, 2) of the seen places within ``reach`` frames, the place itself too."""
    known = np.flatnonzero(seen)
    around = places.copy()
    if len(known) == 0:
        return around
    hidden = np.where(seen[:, None], places, np.nan)
    padded = np.pad(hidden, ((reach, reach), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    # as nanmedian, in a tenth of the time: NaN is sorted to the end
    ordered = np.sort(windows[known], axis=-1)  # (N, 2, 2 * reach + 1)
    last = np.isfinite(ordered[:, 0]).sum(axis=-1) - 1
    middle = np.stack([last // 2, (last + 1) // 2], axis=-1)[:, None]
    around[known] = np.take_along_axis(ordered, np.repeat(middle, 2, axis=1), -1).mean(axis=-1)
    return around
