"""The table of a result: over all clips and for each, as Markdown, CSV, LaTeX and a picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import open_result
from .bootstrap import Interval, over_clips
from .clip_figures import RESULT, ROWS
from .published import PublishedRow

ClipTable = Mapping[str, Mapping[str, Mapping[str, float]]]  # row -> clip -> metric -> value

NOT_COMPARABLE = (
    "Published figures are of other test sets, sizes, crops and variants of the metrics (the "
    "disco_ columns are what that script prints, wrong as it is): a difference of rows from "
    "different sources is no measurement."
)
_SMALL, _DIGITS = 0.01, 4
BETTER: Mapping[str, str] = {  # the arrow behind a metric's name
    **dict.fromkeys(
        (
            *("psnr", "ssim", "disco_psnr", "disco_ssim", "tpsnr"),
            *("faces_found", "poses_found", "face_cosine_adaface"),
        ),
        "↑",
    ),
    **dict.fromkeys(
        (
            *("mean_absolute_error", "disco_l1", "warp_error", "flicker", "pose_error"),
            *("lpips_alex", "lpips_vgg", "disco_lpips", "face_distance", "expression_error"),
            *("fid", "kid", "imagenet_frechet", "fid_vid", "fid_vid_pooled", "fid_vid_mean", "fvd"),
        ),
        "↓",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured.

    Attributes:
        clips: Row -> clip -> metric -> value.
        sets: Row -> metric -> value, of metrics that compare sets and have no value for a clip.
        frames: In all.
        left_out: Metric -> why it is not there.
        notes: What else a reader needs, such as the hashes of the networks.
        published: Rows of papers.
        settings: How it was measured.
    """

    clips: ClipTable
    sets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    frames: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    published: Sequence[PublishedRow] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def overall(self) -> dict[str, dict[str, Interval]]:
        """Row -> metric -> mean over clips with its interval; sets have none."""
        found = {row: over_clips(self.clips.get(row, {})) for row in ROWS}
        for row, values in self.sets.items():
            alone = {name: Interval(v, None, None, self.count) for name, v in values.items()}
            found[row] = found.get(row, {}) | alone
        return {row: values for row, values in found.items() if values}

    @property
    def count(self) -> int:
        """Number of clips."""
        return len(self.clips.get(RESULT, {}))


def report_files(folder: Path) -> dict[str, Path]:
    """Name what a report is written to, by kind."""
    names = {"json": "figures.json", "md": "figures.md", "csv": "figures.csv"}
    names |= {"tex": "figures.tex", "png": "figures.png"}
    return {kind: folder / name for kind, name in names.items()}


def write_tables(folder: Path, report: Report) -> None:
    """Write all forms of the table; they appear together."""
    files = report_files(folder)
    texts = {
        "json": json.dumps(_plain(report), indent=2, default=str) + "\n",
        "md": to_markdown(report),
        "csv": to_csv(report),
        "tex": to_latex(report),
    }
    with open_result(files.values()) as staged:
        for kind, text in texts.items():
            staged(files[kind]).write_text(text, encoding="utf-8")
        draw_spread(report, staged(files["png"]))


def to_markdown(report: Report) -> str:
    """Write the table over all clips, the clips' own, and what a reader must know."""
    overall = report.overall()
    metrics = _metrics(overall)
    lines = [f"{report.count} clips, {report.frames} frames; mean over clips [95 % bootstrap]", ""]
    lines += _markdown(["", *map(_heading, metrics)], _overall_rows(overall, metrics, _cell))
    if report.published:
        printed = _published_metrics(report, metrics)
        rows = [
            [f"{row.method} ({row.source})", *(_number(row.metrics.get(m)) for m in printed)]
            for row in report.published
        ]
        lines += ["", *_markdown(["published", *map(_heading, printed)], rows), "", NOT_COMPARABLE]
    per_clip = report.clips.get(RESULT, {})
    own = _metrics({name: dict(figures) for name, figures in per_clip.items()})
    rows = [[name, *(_number(figures.get(m)) for m in own)] for name, figures in per_clip.items()]
    lines += ["", *_markdown(["clip", *map(_heading, own)], rows)]
    lines += ["", *_footnotes(report)] if report.left_out or report.notes else []
    return "\n".join(lines) + "\n"


def to_csv(report: Report) -> str:
    """Write one value a line: row, clip (empty: over all), metric, value, low, high."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "clip", "metric", "value", "low", "high"])
    for row, values in report.overall().items():
        for metric, found in values.items():
            writer.writerow([row, "", metric, found.mean, found.low, found.high])
    for row, clips in report.clips.items():
        for clip, figures in clips.items():
            for metric, value in figures.items():
                writer.writerow([row, clip, metric, value, None, None])
    for published in report.published:
        for metric, value in published.metrics.items():
            writer.writerow([f"{published.method} ({published.source})", "", metric, value, "", ""])
    return text.getvalue()


def to_latex(report: Report) -> str:
    """Write the table over all clips for booktabs."""
    overall = report.overall()
    metrics = _metrics(overall)
    metrics += [m for m in _published_metrics(report, metrics) if m not in metrics]
    ours = _overall_rows(overall, metrics, _latex_cell)
    theirs = [
        [row.method, *(_number(row.metrics.get(m)) for m in metrics)] for row in report.published
    ]
    said = [f"{report.count} clips, {report.frames} frames; mean over clips, 95 % bootstrap"]
    said += [f"{row.method}: {row.source}" for row in report.published]
    said += [NOT_COMPARABLE] if theirs else []
    head = ["", *(_escape(_heading(metric)) for metric in metrics)]
    return "\n".join(
        [
            *(f"% {line}" for line in said),
            f"\\begin{{tabular}}{{l{'r' * len(metrics)}}}",
            "\\toprule",
            " & ".join(head) + r" \\",
            *_latex_rows(ours),
            *_latex_rows(theirs),
            "\\bottomrule",
            "\\end{tabular}",
            "",
        ]
    )


def _latex_rows(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [" & ".join([_escape(name), *cells]) + r" \\" for name, *cells in rows]
    return ["\\midrule", *lines] if lines else []


def draw_spread(report: Report, path: Path) -> None:
    """Draw the value of every clip, a panel for each metric, beside the copied frame's.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = _metrics(report.overall())
    metrics = [m for m in metrics if any(m in f for f in report.clips.get(RESULT, {}).values())]
    columns = min(4, max(1, len(metrics)))
    lines = max(1, math.ceil(len(metrics) / columns))
    figure = Figure(figsize=(3 * columns, 2.4 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    for number, metric in enumerate(metrics, start=1):
        axes = figure.add_subplot(lines, columns, number)
        rows = [row for row in ROWS if report.clips.get(row)]
        for place, row in enumerate(rows):
            values = [f[metric] for f in report.clips[row].values() if metric in f]
            finite = [value for value in values if math.isfinite(value)]
            spread = [place + 0.3 * (i / max(1, len(finite) - 1) - 0.5) for i in range(len(finite))]
            axes.plot(spread, finite, "o", markersize=3, alpha=0.7)
        axes.set_title(_heading(metric), fontsize=9)
        axes.set_xticks(range(len(rows)), rows, fontsize=7)
        axes.tick_params(axis="y", labelsize=7)
    figure.savefig(path, dpi=120, format="png")


def _metrics(rows: Mapping[str, Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(metric for values in rows.values() for metric in values))


def _published_metrics(report: Report, measured: Sequence[str]) -> list[str]:
    """Give what papers print: first what is measured here as well, then what is not."""
    printed = _metrics({str(i): row.metrics for i, row in enumerate(report.published)})
    return [m for m in measured if m in printed] + [m for m in printed if m not in measured]


def _overall_rows(
    overall: Mapping[str, Mapping[str, Interval]], metrics: Sequence[str], cell: Any
) -> list[list[str]]:
    return [[row, *(cell(values.get(m)) for m in metrics)] for row, values in overall.items()]


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def _footnotes(report: Report) -> list[str]:
    said = [f"- not measured: {name} ({reason})" for name, reason in report.left_out.items()]
    return said + [f"- {note}" for note in report.notes]


def _heading(metric: str) -> str:
    return f"{metric} {BETTER.get(metric, '')}".strip()


def _cell(found: Interval | None) -> str:
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return _number(found.mean)
    return f"{_number(found.mean)} [{_number(found.low)}, {_number(found.high)}]"


def _latex_cell(found: Interval | None) -> str:
    if found is None or found.low is None or found.high is None:
        return "" if found is None else _number(found.mean).replace("∞", r"$\infty$")
    low, high = _number(found.low), _number(found.high)
    return f"{_number(found.mean)} {{\\scriptsize [{low}, {high}]}}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if math.isinf(value):
        return "∞"
    if value != 0 and abs(value) < _SMALL:
        return f"{value:.2e}"
    return f"{value:.{_DIGITS}g}"


def _escape(text: str) -> str:
    arrows = text.replace("↑", r"$\uparrow$").replace("↓", r"$\downarrow$")
    return arrows.replace("_", r"\_").replace("%", r"\%").replace("&", r"\&")


def _plain(report: Report) -> dict[str, Any]:
    overall = {
        row: {metric: vars(found) for metric, found in values.items()}
        for row, values in report.overall().items()
    }
    found = {
        "settings": dict(report.settings),
        "clips": report.count,
        "frames": report.frames,
        "overall": overall,
        "per_clip": report.clips,
        "left_out": dict(report.left_out),
        "notes": list(report.notes),
        "published": [vars(row) for row in report.published],
    }
    plain: dict[str, Any] = _without_infinity(found)
    return plain


def _without_infinity(value: Any) -> Any:
    """Write infinity as text: JSON has no number for it."""
    if isinstance(value, Mapping):
        return {str(key): _without_infinity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinity(item) for item in value]
    return "inf" if isinstance(value, float) and math.isinf(value) else value
