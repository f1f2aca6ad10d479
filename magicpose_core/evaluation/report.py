"""Figures as a table to read and as JSON to compute with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..files import open_result

Figures = Mapping[str, Mapping[str, float]]  # row -> metric -> value
_SHARES = (
    "pose_retrieval",
    "identity_retrieval",
    "histogram_identity",
    "expression_retrieval",
    "face_identity",
    "hair_kept",
    "glasses_kept",
    "beard_kept",
    "pattern_kept",
)
_DIGITS = {
    "psnr": 2,
    "disco_psnr": 2,
    "disco_l1": 7,
    "face_psnr": 2,
    "times_faster": 1,
    "seconds": 2,
    "warp_error": 6,
    "warp_error_above": 6,
}


def markdown_table(figures: Figures) -> str:
    """Write a table, one row a name; shares become per cent."""
    metrics = list(dict.fromkeys(metric for values in figures.values() for metric in values))
    header = ["", *(metric.replace("_", " ") for metric in metrics)]
    lines = [_row(header), _row(["---", *("---:" for _ in metrics)])]
    for name, values in figures.items():
        lines.append(_row([name, *(_shown(metric, values.get(metric)) for metric in metrics)]))
    return "\n".join(lines) + "\n"


def write_report(folder: Path, figures: Figures, settings: Mapping[str, object]) -> None:
    """Write ``figures.json`` (with the settings) and ``figures.md``."""
    content = {"settings": dict(settings), "figures": figures}
    numbers, table = report_files(folder)
    with open_result([numbers, table]) as staged:
        text = json.dumps(content, indent=2, default=str) + "\n"
        staged(numbers).write_text(text, encoding="utf-8")
        staged(table).write_text(markdown_table(figures), encoding="utf-8")


def report_files(folder: Path) -> tuple[Path, Path]:
    """Name what a report is written to."""
    return folder / "figures.json", folder / "figures.md"


def _shown(metric: str, value: float | None) -> str:
    if value is None:
        return ""
    if metric in _SHARES:
        return f"{100 * value:.1f} %"
    return f"{value:.{_DIGITS.get(metric, 4)}f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
