"""Figures of rendered clips against the truth, each beside a copied frame and the truth itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor

from ..clip_settings import Fit
from ..errors import InputError
from ..images import fit_size, from_uint8, to_uint8
from ..picture_files import read_pixels
from ..video.reader import Frame
from .optical_flow import BackwardFlow, estimated_flows
from .pixel import PIXEL_METRICS, disco_metrics
from .temporal import flicker, tpsnr, warp_errors

RESULT, COPIED, TRUTH = "result", "copied frame", "truth"
ROWS = (RESULT, COPIED, TRUTH)
"""What is measured: the result, the first true frame in place of all others, and the truth."""
_LEAST_FOR_FLICKER, _LEAST_FOR_MOTION = 3, 2

Figures = dict[str, float]  # metric -> value
Seen = TypeVar("Seen")


@dataclass(frozen=True, kw_only=True)
class FrameMetrics(Generic[Seen]):
    """Metrics of a result and its true frame, by what a network finds in each of them.

    Attributes:
        names: Of the metrics.
        look: Finds it in a frame; asked once for each frame, which may take long.
        compare: Gives metric -> value of (result, truth); what cannot be told is left out.
    """

    names: tuple[str, ...]
    look: Callable[[Frame], Seen]
    compare: Callable[[Seen, Seen], Figures]


@dataclass(frozen=True, kw_only=True)
class ClipFrames:
    """A clip on disk or in memory; its frames are read anew each time they are gone through.

    Attributes:
        name: Of the clip.
        count: Of its frames.
        results: Gives the results, (H, W, 3) uint8 each.
        truths: Gives the true frames, of the same size.
        flows: Gives the flows of the truth; None estimates them.
    """

    name: str
    count: int
    results: Callable[[], Iterator[Frame]]
    truths: Callable[[], Iterator[Frame]]
    flows: Callable[[], Iterator[BackwardFlow]] | None = None


def clip_on_disk(
    name: str, pairs: Sequence[tuple[Path, Path]], fit: Fit | None = None
) -> ClipFrames:
    """Take the pictures of a clip.

    Args:
        name: Of the clip.
        pairs: (result, truth) of each frame.
        fit: How true frames of another size are brought to that of the results; None refuses them.
    """

    def truths() -> Iterator[Frame]:
        for result, truth in pairs:
            yield _true_frame(read_pixels(truth), truth, result, fit)

    return ClipFrames(
        name=name,
        count=len(pairs),
        results=lambda: (read_pixels(result) for result, _ in pairs),
        truths=truths,
    )


def measure_clip(
    clip: ClipFrames, frame_metrics: Sequence[FrameMetrics[Any]] = ()
) -> dict[str, Figures]:
    """Measure a clip.

    Args:
        clip: The clip.
        frame_metrics: More metrics of one frame; the mean is over the frames that they can tell.

    Returns:
        Row (see ``ROWS``) -> metric -> value. Frames are averaged; flicker needs three frames, the
        other temporal figures two, and what cannot be told is left out.

    Raises:
        InputError: A result and its true frame differ in size.
    """
    figures = _mean_over_frames(clip, [_PIXELS, _disco(), *frame_metrics])
    for row, found in _temporal(clip).items():
        figures[row] |= found
    return figures


def _temporal(clip: ClipFrames) -> dict[str, Figures]:
    frames = {RESULT: clip.results, COPIED: lambda: _copied(clip), TRUTH: clip.truths}
    figures: dict[str, Figures] = {row: {} for row in ROWS}
    if clip.count >= _LEAST_FOR_MOTION:
        flows = estimated_flows(clip.truths()) if clip.flows is None else clip.flows()
        warped = warp_errors({row: read() for row, read in frames.items()}, flows)
        for row, value in warped.items():
            _put(figures[row], "warp_error", value)
        for row, read in frames.items():
            _put(figures[row], "tpsnr", tpsnr(read(), clip.truths()))
    if clip.count >= _LEAST_FOR_FLICKER:
        for row, read in frames.items():
            _put(figures[row], "flicker", flicker(read(), clip.truths()))
    return figures


def _put(figures: Figures, metric: str, value: float | None) -> None:
    if value is not None:
        figures[metric] = value


def _copied(clip: ClipFrames) -> Iterator[Frame]:
    first = next(clip.truths())
    for _ in range(clip.count):
        yield first


def _mean_over_frames(clip: ClipFrames, metrics: Sequence[FrameMetrics[Any]]) -> dict[str, Figures]:
    found: dict[str, list[Figures]] = {RESULT: [], COPIED: []}
    copied: list[Any] | None = None
    for result, truth in zip(clip.results(), clip.truths(), strict=True):
        if result.shape != truth.shape:
            raise InputError(
                f"a result is {_size(result)} pixels and its true frame {_size(truth)}"
            )
        ours, true = ([metric.look(frame) for metric in metrics] for frame in (result, truth))
        found[RESULT].append(_compare(metrics, ours, true))
        if copied is None:
            copied = true
        else:  # to itself a copy has no distance
            found[COPIED].append(_compare(metrics, copied, true))
    return {row: _means(figures) for row, figures in found.items()} | {TRUTH: {}}


def _compare(
    metrics: Sequence[FrameMetrics[Any]], result: Sequence[Any], truth: Sequence[Any]
) -> Figures:
    figures: Figures = {}
    for metric, *pair in zip(metrics, result, truth, strict=True):
        figures |= metric.compare(*pair)
    return figures


def _means(frames: Sequence[Figures]) -> Figures:
    metrics = dict.fromkeys(metric for figures in frames for metric in figures)
    return {
        metric: float(np.mean([figures[metric] for figures in frames if metric in figures]))
        for metric in metrics
    }


def _compare_pixels(result: Tensor, truth: Tensor) -> Figures:
    return {name: float(metric(result, truth)) for name, metric in PIXEL_METRICS.items()}


def _disco() -> FrameMetrics[Frame]:
    metrics = disco_metrics()
    return FrameMetrics(
        names=tuple(metrics),
        look=lambda frame: frame,
        compare=lambda result, truth: {n: metric(result, truth) for n, metric in metrics.items()},
    )


_PIXELS = FrameMetrics(names=tuple(PIXEL_METRICS), look=from_uint8, compare=_compare_pixels)


def _true_frame(truth: Frame, path: Path, result: Path, fit: Fit | None) -> Frame:
    height, width = read_pixels(result).shape[:2]
    if truth.shape[:2] == (height, width):
        return truth
    if fit is None:
        raise InputError(
            f"{result} is {width} x {height} pixels and {path} is {_size(truth)}; set fit to say "
            "how true frames get to the size of the results"
        )
    return to_uint8(fit_size(from_uint8(truth), height, width, fit))[0]


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]} x {frame.shape[0]}"
