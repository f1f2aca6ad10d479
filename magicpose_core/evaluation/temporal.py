"""How results behave from frame to frame, beside true frames; no network is asked.

Frames go by one at a time, so that memory does not grow with a clip. A picture that stands still
has no flicker and is right nowhere else: read the figures beside each other, and beside those of a
copied frame and of the truth.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .optical_flow import BackwardFlow, follow

Levels = NDArray[np.uint8] | NDArray[np.float32]
"""A frame (H, W, 3) in 0..255."""


def flicker(results: Iterable[Levels], truths: Iterable[Levels]) -> float | None:
    """Measure how results tremble where the truth stands still; 0 for the truth itself.

    The mean of ``|x[t+1] - 2 x[t] + x[t-1]|`` over all pixels that are equal in the three true
    frames: what changes evenly does not count, what goes back and forth does.

    Args:
        results: F frames (H, W, 3) in 0..255, three or more.
        truths: Their F true frames.

    Returns:
        In 0..255 levels, for noise of its own in each frame, of deviation s, ``s sqrt(12 / pi)``.
        None where the truth stands still nowhere.

    Raises:
        InputError: There are fewer than three frames, or numbers or sizes differ.
    """
    total, count, seen = 0.0, 0, 0
    window: deque[tuple[NDArray[np.float32], NDArray[np.float32]]] = deque(maxlen=3)
    for pair in _paired(results, truths):
        seen += 1
        window.append(pair)
        if len(window) < 3:
            continue
        (before, true_before), (now, true_now), (after, true_after) = window
        still = ((true_before == true_now) & (true_now == true_after)).all(axis=2)
        total += float(np.abs(after - 2 * now + before)[still].sum(dtype=np.float64))
        count += 3 * int(still.sum())
    _check_length("flicker", seen, 3)
    return total / count if count else None


def warp_error(results: Iterable[Levels], flows: Iterable[BackwardFlow]) -> float | None:
    """Measure how far results move otherwise than the truth does.

    Each result is brought along the truth's flow to the next frame and compared with the result
    there. A clip that stands still loses where the truth moves, since the flow is the truth's.

    Args:
        results: F frames (H, W, 3) in 0..255, two or more.
        flows: F - 1 flows of the truth, of ``optical_flow.estimated_flows`` or ``rig_flows``.

    Returns:
        The mean squared difference of values in 0..1 over all valid pixels, 0 is best. None where
        no flow is valid anywhere.

    Raises:
        InputError: There are fewer than two frames, or the flows are not one fewer, or of another
            size.

    Source: the form of Lai et al. 2018, eq. 7, without its occlusion network.
    """
    return warp_errors({"results": results}, flows)["results"]


def warp_errors(
    candidates: Mapping[str, Iterable[Levels]], flows: Iterable[BackwardFlow]
) -> dict[str, float | None]:
    """Measure several clips along the same flows, which are gone through once."""
    steps = {name: pairwise(map(_as_float, frames)) for name, frames in candidates.items()}
    totals, counts, seen = dict.fromkeys(steps, 0.0), dict.fromkeys(steps, 0), 1
    for flow in flows:
        for name, pairs in steps.items():
            pair = next(pairs, None)
            if pair is None:
                _check_length("warp_error", seen, 2)
                raise InputError(f"flows must be one fewer than {name}, of which there are {seen}")
            squared = _squared_miss(*pair, flow)
            totals[name] += float(squared.sum(dtype=np.float64))
            counts[name] += squared.size
        seen += 1
    for name, pairs in steps.items():
        if next(pairs, None) is not None:
            raise InputError(f"flows must be one fewer than {name}, and end after {seen - 1}")
    _check_length("warp_error", seen, 2)
    return {name: totals[name] / counts[name] if counts[name] else None for name in steps}


def _squared_miss(
    before: NDArray[np.float32], after: NDArray[np.float32], flow: BackwardFlow
) -> NDArray[np.float32]:
    if flow.flow.shape[:2] != after.shape[:2]:
        raise InputError(
            f"results are {_size(after)} pixels and the flow is {_size(flow.flow)}; bring "
            "results and truth to one size first"
        )
    missed: NDArray[np.float32] = np.square((after - follow(before, flow)) / 255)[flow.valid]
    return missed


def tpsnr(results: Iterable[Levels], truths: Iterable[Levels]) -> float:
    """Measure the PSNR of the differences of neighbouring frames, in dB over the whole clip.

    Args:
        results: F frames (H, W, 3) in 0..255, two or more.
        truths: Their F true frames.

    Returns:
        Infinite for the truth itself.

    Raises:
        InputError: There are fewer than two frames, or numbers or sizes differ.
    """
    total, count, seen = 0.0, 0, 1
    for (before, true_before), (after, true_after) in pairwise(_paired(results, truths)):
        seen += 1
        squared = np.square(((after - before) - (true_after - true_before)) / 255)
        total += float(squared.sum(dtype=np.float64))
        count += squared.size
    _check_length("tpsnr", seen, 2)
    return math.inf if total == 0 else -10 * math.log10(total / count)


def _paired(
    results: Iterable[Levels], truths: Iterable[Levels]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    ours, true = iter(results), iter(truths)
    for number, result in enumerate(ours):
        truth = next(true, None)
        if truth is None:
            raise InputError(f"truths end after {number} frames and results go on; give both alike")
        if result.shape != truth.shape:
            raise InputError(
                f"results are {_size(result)} pixels and truths {_size(truth)}; bring them to one "
                "size first"
            )
        yield _as_float(result), _as_float(truth)
    if next(true, None) is not None:
        raise InputError("results end before the truths do; give both alike")


def _as_float(frame: Levels) -> NDArray[np.float32]:
    return frame.astype(np.float32)


def _size(frame: NDArray[np.uint8] | NDArray[np.float32]) -> str:
    return f"{frame.shape[1]} x {frame.shape[0]}"


def _check_length(name: str, seen: int, least: int) -> None:
    if seen < least:
        raise InputError(f"{name} needs at least {least} frames, got {seen}")
