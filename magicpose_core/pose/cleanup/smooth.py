"""Quiet the jitter of detected keypoints without dragging them behind.

Settings are in seconds and body heights, so that they fit any frame rate and picture size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..keypoints import PoseSequence
from ..retarget.body_tree import with_mid_hip
from ..retarget.proportions import body_size, bone_lengths
from ..tracks import PartTrack, sequence_of, tracks_of
from .hands import repair_hands
from .repair import fill_short_gaps, reject_jumps, repair_swaps
from .settings import SmoothSettings

_SPEED_CUTOFF = np.float64(1.0)  # 1/s, as Casiez et al. set it
_ORDER = 2  # of the polynomials: keeps places, speeds and accelerations


Smoother = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_REACH = 0.1  # seconds that a jump is compared with, before and after
_SWAP = 0.04  # body heights a joint that swapped sides must have jumped


def smooth(sequence: PoseSequence, settings: SmoothSettings | None = None) -> PoseSequence:
    """Repair swapped sides and hands, take out jumps, fill short gaps and smooth, in this order.

    Args:
        sequence: One person per frame at most (see ``people``).
        settings: Defaults when None.

    Raises:
        InputError: A frame has several people.
    """
    settings = settings or SmoothSettings()
    size = (sequence.width, sequence.height)
    tracks = tracks_of(sequence, size)
    height = _height(tracks["body"], settings.score_threshold)
    if settings.repair_swaps:
        tracks = repair_swaps(
            tracks, score_threshold=settings.score_threshold, least=_SWAP * height
        )
    if settings.repair_hands:
        tracks = repair_hands(tracks, score_threshold=settings.score_threshold, height=height)
    smoother = _smoother(settings, sequence.fps, height)
    cleaned = {
        part: _clean(track, settings, sequence.fps, height, smoother)
        for part, track in tracks.items()
    }
    return sequence_of(cleaned, size, sequence.fps)


def savitzky_golay(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Fit parabolas over ``window`` (odd) frames of (F, ...) places; fewer in short runs."""
    from scipy.signal import savgol_filter  # loading the ComfyUI pack must not load scipy.signal

    longest = len(values) - 1 + len(values) % 2
    window = min(window, longest)
    if window <= _ORDER:
        return values
    return np.asarray(savgol_filter(values, window, _ORDER, axis=0))


def one_euro(
    values: NDArray[np.float64], *, fps: float, cutoff: float, speed_gain: float
) -> NDArray[np.float64]:
    """Run the One-Euro filter over the frames forwards and backwards and take the mean.

    Args:
        values: (F, ..., 2) places in any unit; every point has a speed of its own.
        fps: Frames per second.
        cutoff: Cut-off frequency at rest, in 1/s.
        speed_gain: Growth of the cut-off, in 1/s for a speed of one unit a second.
    """
    forwards = _one_euro_pass(values, fps, cutoff, speed_gain)
    backwards = _one_euro_pass(values[::-1], fps, cutoff, speed_gain)[::-1]
    return (forwards + backwards) / 2


def _one_euro_pass(
    values: NDArray[np.float64], fps: float, cutoff: float, speed_gain: float
) -> NDArray[np.float64]:
    smoothed = np.empty_like(values)
    smoothed[0] = last = values[0]
    speed = np.zeros(values.shape[1:])
    for frame in range(1, len(values)):
        # Casiez et al. 2012, algorithm 1.
        speed = speed + _share(_SPEED_CUTOFF, fps) * (
            (values[frame] - values[frame - 1]) * fps - speed
        )
        fast = np.linalg.norm(speed, axis=-1, keepdims=True)
        share = _share(cutoff + speed_gain * fast, fps)
        smoothed[frame] = last = last + share * (values[frame] - last)
    return smoothed


def _share(cutoff: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """Return the weight of a new value in an exponential mean with this cut-off frequency."""
    turns = 2 * math.pi * cutoff / fps
    return turns / (turns + 1)


def _smoother(settings: SmoothSettings, fps: float, height: float) -> Smoother:
    if settings.filter == "none":
        return lambda values: values
    if settings.filter == "one-euro":
        gain = settings.speed_gain / height
        return lambda values: one_euro(values, fps=fps, cutoff=settings.cutoff, speed_gain=gain)
    window = 2 * round(settings.window * fps / 2) + 1
    return lambda values: savitzky_golay(values, window)


def _clean(
    track: PartTrack, settings: SmoothSettings, fps: float, height: float, smoother: Smoother
) -> PartTrack:
    score_threshold = settings.score_threshold
    if settings.jump:
        reach = max(1, round(_REACH * fps))
        limit = settings.jump * height
        track = reject_jumps(track, score_threshold=score_threshold, reach=reach, limit=limit)
    longest = round(settings.longest_gap * fps)
    track = fill_short_gaps(track, score_threshold=score_threshold, longest=longest)
    places = track.places.copy()
    for frames, points in _runs(track.seen(score_threshold)):
        places[frames, points] = smoother(places[frames, points])
    return replace(track, places=places)


def _runs(seen: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the unbroken runs of seen frames, those of one length together.

    Args:
        seen: (F, K).

    Yields:
        Frames (L, N) and points (N,) of the N runs of L frames.
    """
    edges = np.diff(np.pad(seen.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)  # (K, F + 1)
    points, starts = np.nonzero(edges == 1)
    lengths = np.nonzero(edges == -1)[1] - starts
    for length in np.unique(lengths):
        chosen = lengths == length
        yield starts[chosen] + np.arange(length)[:, None], points[chosen]


def _height(body: PartTrack, score_threshold: float) -> float:
    """Return the height of the person in pixels by its bones, or by the seen points' extent."""
    seen = body.seen(score_threshold)
    height = body_size(bone_lengths(*with_mid_hip(body.places, seen)))
    if height > 0:
        return height
    shown = body.places[seen]
    return max(1.0, float(np.ptp(shown, axis=0).max())) if len(shown) else 1.0
