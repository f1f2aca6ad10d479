"""Hands that belong to the other wrist, or to nobody: put back, or taken out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..retarget.body_tree import Mask
from ..skeletons import BODY, HAND
from ..tracks import PartTrack

_LOG = logging.getLogger("magicpose")
_SIDES = ("left", "right")
_WRIST = HAND.index("wrist")
_NEAR = 0.5  # of a typical forearm: a hand that begins farther from its wrist is not its hand
_LARGEST = 1.3  # of a typical forearm: an open hand has about 0.75
_FOREARM = 0.146  # of a person's height


def repair_hands(
    tracks: Mapping[str, PartTrack], *, score_threshold: float, height: float
) -> dict[str, PartTrack]:
    """Swap hands back that lie at each other's wrists, and take out those that cannot be hands.

    A hand is taken out where it begins far from its wrist or is larger than a hand; a warning
    counts both. Frames that do not show a wrist are left alone, but for too large hands.

    Args:
        tracks: The parts of a clip.
        score_threshold: Points with a lower score are not compared.
        height: Of the person in pixels.
    """
    put_back, swapped = swap_hands_back(tracks, score_threshold=score_threshold, height=height)
    body, seen = tracks["body"], tracks["body"].seen(score_threshold)
    exchanged = {side: put_back[f"{side}_hand"] for side in _SIDES}
    near = _NEAR * _FOREARM * height
    dropped = 0
    for side in _SIDES:
        track = exchanged[side]
        wrist = BODY.index(f"{side}_wrist")
        far = _distance(track, body, seen, wrist, score_threshold) > near
        bad = (far | (_extent(track, score_threshold) > _LARGEST * _FOREARM * height)) & (
            track.present
        )
        dropped += int(bad.sum())
        exchanged[side] = replace(
            track, score=np.where(bad[:, None], 0, track.score), present=track.present & ~bad
        )
    if swapped or dropped:
        _LOG.warning(
            "hands: %d frames had them at each other's wrists, which is put right; %d hands begin "
            "far from their wrist or are too large, and are left out",
            swapped,
            dropped,
        )
    return {**tracks, **{f"{side}_hand": exchanged[side] for side in _SIDES}}


def swap_hands_back(
    tracks: Mapping[str, PartTrack], *, score_threshold: float, height: float
) -> tuple[dict[str, PartTrack], int]:
    """Exchange the hands of the frames that have them at each other's wrists; count those.

    Some detectors name all hands by the other side: SDPose of ComfyUI 0.27 does.

    Args:
        tracks: As in ``repair_hands``, like the other arguments.
        score_threshold: Of points.
        height: Of the person in pixels.
    """
    body, seen = tracks["body"], tracks["body"].seen(score_threshold)
    hands = {side: tracks[f"{side}_hand"] for side in _SIDES}
    away = {
        (hand, wrist): _distance(
            hands[hand], body, seen, BODY.index(f"{wrist}_wrist"), score_threshold
        )
        for hand in _SIDES
        for wrist in _SIDES
    }
    swapped = _swapped(away, _NEAR * _FOREARM * height)
    exchanged = {
        f"{side}_hand": _exchanged(hands[side], hands[_other(side)], swapped) for side in _SIDES
    }
    return {**tracks, **exchanged}, int(swapped.sum())


def _other(side: str) -> str:
    return _SIDES[1 - _SIDES.index(side)]


def _swapped(away: Mapping[tuple[str, str], NDArray[np.float64]], near: float) -> NDArray[np.bool_]:
    """Tell in which frames every hand that is shown lies at the other wrist and off its own."""
    swapped = np.zeros(len(away["left", "left"]), bool)
    fine = np.zeros_like(swapped)
    for side in _SIDES:
        crossed, own = away[side, _other(side)], away[side, side]
        swapped |= (crossed < near) & (own > near)
        fine |= own <= near
    return np.asarray(swapped & ~fine)


def _distance(
    hand: PartTrack, body: PartTrack, seen: Mask, wrist: int, score_threshold: float
) -> NDArray[np.float64]:
    """Return the pixels (F,) from a hand's first point to a wrist, NaN where one is not seen."""
    known = hand.seen(score_threshold)[:, _WRIST] & seen[:, wrist]
    ways = hand.places[:, _WRIST] - body.places[:, wrist]
    return np.where(known, np.linalg.norm(ways, axis=-1), np.nan)


def _extent(hand: PartTrack, score_threshold: float) -> NDArray[np.float64]:
    """Return the largest distance (F,) of a hand's points from its first one."""
    known = hand.seen(score_threshold)
    ways = np.linalg.norm(hand.places - hand.places[:, [_WRIST]], axis=-1)
    return np.where(known & known[:, [_WRIST]], ways, 0).max(axis=1)


def _exchanged(hand: PartTrack, other: PartTrack, frames: NDArray[np.bool_]) -> PartTrack:
    return PartTrack(
        places=np.where(frames[:, None, None], other.places, hand.places),
        score=np.where(frames[:, None], other.score, hand.score),
        present=np.where(frames, other.present, hand.present),
    )
