"""Figures of rendered clips against the truth, each beside a copied frame and the truth itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..clip_settings import Fit
from ..errors import InputError
from ..images import fit_size, from_uint8, to_uint8
from ..picture_files import read_pixels
from ..video.reader import Frame
from .optical_flow import BackwardFlow, estimated_flows
from .pixel import DISCO_METRICS, PIXEL_METRICS
from .temporal import flicker, tpsnr, warp_errors

RESULT, COPIED, TRUTH = "result", "copied frame", "truth"
ROWS = (RESULT, COPIED, TRUTH)
"""What is measured: the result, the first true frame in place of all, and the truth."""
_LEAST_FOR_FLICKER, _LEAST_FOR_MOTION = 3, 2

FrameMetric = Callable[[Frame, Frame], float | None]  # (result, truth), None: cannot be told
Figures = dict[str, float]  # metric -> value


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
    clip: ClipFrames, frame_metrics: Mapping[str, FrameMetric] | None = None
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
    more = frame_metrics or {}
    figures = {
        RESULT: _mean_over_frames(clip.results(), clip.truths(), more),
        COPIED: _mean_over_frames(_copied(clip), clip.truths(), more),
        TRUTH: dict[str, float](),
    }
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


def _mean_over_frames(
    results: Iterator[Frame], truths: Iterator[Frame], more: Mapping[str, FrameMetric]
) -> Figures:
    rows = [_measure_frame(*pair, more) for pair in zip(results, truths, strict=True)]
    metrics = dict.fromkeys(metric for row in rows for metric in row)
    return {
        metric: float(np.mean([row[metric] for row in rows if metric in row])) for metric in metrics
    }


def _measure_frame(result: Frame, truth: Frame, more: Mapping[str, FrameMetric]) -> Figures:
    if result.shape != truth.shape:
        raise InputError(f"a result is {_size(result)} pixels and its true frame {_size(truth)}")
    images = from_uint8(result), from_uint8(truth)
    figures = {name: float(metric(*images)) for name, metric in PIXEL_METRICS.items()}
    figures |= {name: metric(result, truth) for name, metric in DISCO_METRICS.items()}
    for name, measure in more.items():
        _put(figures, name, measure(result, truth))
    return figures


def _true_frame(truth: Frame, path: Path, result: Path, fit: Fit | None) -> Frame:
    from PIL import Image

    with Image.open(result) as opened:
        width, height = opened.size
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
