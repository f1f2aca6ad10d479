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
    body = tracks["body"]
    seen = body.seen(score_threshold)
    wrists = {side: BODY.index(f"{side}_wrist") for side in _SIDES}
    hands = {side: tracks[f"{side}_hand"] for side in _SIDES}
    near = _NEAR * _FOREARM * height
    away = {
        (hand, wrist): _distance(hands[hand], body, seen, wrists[wrist], score_threshold)
        for hand in _SIDES
        for wrist in _SIDES
    }
    swapped = _swapped(away, near)
    exchanged = {side: _exchanged(hands[side], hands[_other(side)], swapped) for side in _SIDES}
    dropped = 0
    for side in _SIDES:
        track = exchanged[side]
        far = _distance(track, body, seen, wrists[side], score_threshold) > near
        bad = (far | (_extent(track, score_threshold) > _LARGEST * _FOREARM * height)) & (
            track.present
        )
        dropped += int(bad.sum())
        exchanged[side] = replace(
            track, score=np.where(bad[:, None], 0, track.score), present=track.present & ~bad
        )
    if swapped.any() or dropped:
        _LOG.warning(
            "hands: %d frames had them at each other's wrists, which is put right; %d hands begin "
            "far from their wrist or are too large, and are left out",
            swapped.sum(),
            dropped,
        )
    return {**tracks, **{f"{side}_hand": exchanged[side] for side in _SIDES}}


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
