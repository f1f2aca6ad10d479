"""All figures of a folder of results: each clip's, those of the whole set, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..clip_settings import Fit
from ..errors import InputError
from .clip_figures import (
    RESULT,
    ROWS,
    ClipFrames,
    Figures,
    FrameMetrics,
    clip_on_disk,
    measure_clip,
)
from .folders import Pairs, clips_of
from .pixel import missing_metrics
from .published import PublishedRow
from .table import Report

OnClip = Callable[[int, int], None]  # clips done, clips in all


@dataclass(frozen=True, kw_only=True)
class SetMetric:
    """Metrics that compare all clips at once.

    Attributes:
        names: Of the metrics, for who reads that they are left out.
        measure: Gives row -> metric -> value; raises InputError where there is too little.
    """

    names: str
    measure: Callable[[Sequence[ClipFrames]], dict[str, Figures]]


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """Metrics that need a network, as far as their weights are there.

    Attributes:
        of_frames: Metrics of a result and its true frame.
        of_sets: Metrics that compare all clips at once.
        left_out: Metric -> why it cannot be measured.
        notes: The networks that are used, with their hashes.
    """

    of_frames: Sequence[FrameMetrics[Any]] = ()
    of_sets: Sequence[SetMetric] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def measure_folder(
    matched: Pairs,
    instruments: Instruments,
    *,
    fit: Fit | None = None,
    published: Sequence[PublishedRow] = (),
    settings: Mapping[str, Any] | None = None,
    on_clip: OnClip | None = None,
) -> Report:
    """Measure all clips, one frame at a time.

    Args:
        matched: Results and true frames.
        instruments: See above.
        fit: How true frames of another size are brought to that of the results; None refuses.
        published: Rows of papers, to stand beside.
        settings: Kept with the figures.
        on_clip: Told of each clip that is done.

    Raises:
        InputError: A pair differs in size, or a picture cannot be read.
    """
    names = clips_of(matched)
    clips = [
        clip_on_disk("all" if name == "." else name, pairs, fit) for name, pairs in names.items()
    ]
    return measure_clips(
        clips,
        instruments,
        published=published,
        settings=settings,
        on_clip=on_clip,
    )


def measure_clips(
    clips: Sequence[ClipFrames],
    instruments: Instruments,
    *,
    published: Sequence[PublishedRow] = (),
    settings: Mapping[str, Any] | None = None,
    on_clip: OnClip | None = None,
) -> Report:
    """Measure clips, wherever their frames come from; see :func:`measure_folder`."""
    table: dict[str, dict[str, Figures]] = {row: {} for row in ROWS}
    for number, clip in enumerate(clips, start=1):
        for row, figures in measure_clip(clip, instruments.of_frames).items():
            table[row][clip.name] = figures
        if on_clip is not None:
            on_clip(number, len(clips))
    sets: dict[str, Figures] = {row: {} for row in ROWS}
    left_out = _left_out(clips, instruments) | _not_found(table[RESULT], instruments)
    for metric in instruments.of_sets:
        try:
            for row, figures in metric.measure(clips).items():
                sets[row] |= figures
        except InputError as error:
            left_out[metric.names] = str(error)
    return Report(
        clips=table,
        sets=sets,
        frames=sum(clip.count for clip in clips),
        left_out=left_out,
        notes=instruments.notes,
        published=published,
        settings=settings or {},
    )


def _left_out(clips: Sequence[ClipFrames], instruments: Instruments) -> dict[str, str]:
    reasons = {**missing_metrics(), **instruments.left_out}
    for metric, least in (("flicker", 3), ("warp_error, tpsnr", 2)):
        short = [clip.name for clip in clips if clip.count < least]
        if short:
            reasons[f"{metric} of {', '.join(short[:3])}{' ...' if len(short) > 3 else ''}"] = (
                f"needs {least} frames"
            )
    return reasons


def _not_found(clips: Mapping[str, Figures], instruments: Instruments) -> dict[str, str]:
    names = [name for metrics in instruments.of_frames for name in metrics.names]
    missing = [name for name in names if not any(name in figures for figures in clips.values())]
    return {", ".join(missing): "nothing is found in any pair of frames"} if missing else {}


def about_batch(results: Path) -> str | None:
    """Say which clips a batch was made of, as its record does; None without one."""
    import json

    try:
        data = json.loads((results / "batch.json").read_text(encoding="utf-8"))["data"]
        reading = data.get("reading")
        return f"test set: {data['set']}" + (f", read as {reading}" if reading else "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
