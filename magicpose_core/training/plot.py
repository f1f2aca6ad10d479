"""Plot the curves of runs: ``python -m magicpose_core.training.plot RUN... --out curves.png``."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import atomic_path

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]  # steps, losses
_SMOOTHED_OVER = 50  # steps
_PANEL = (4.2, 3.2)  # inches


def read_curve(path: Path) -> Curve:
    """Read steps and losses of a run's ``training.csv`` or ``validation.csv``.

    Raises:
        InputError: The file is absent or holds no such columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(float(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} holds no curve ({error}); name the output folder of a training run"
        ) from error
    steps, losses = np.array(rows, np.float64).reshape(-1, 2).T
    return steps, losses


def smooth(losses: NDArray[np.float64], length: int = _SMOOTHED_OVER) -> NDArray[np.float64]:
    """Average each loss with those of the steps before it, at most ``length`` in all."""
    sums = np.concatenate([[0.0], losses.cumsum()])
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(0, ends - length)
    return (sums[ends] - sums[starts]) / (ends - starts)


def plot(runs: Sequence[Path], out: Path) -> None:
    """Draw a panel a run: the training loss, smoothed, and the validation loss.

    Args:
        runs: Output folders of ``magicpose train``.
        out: PNG file.

    Raises:
        InputError: A folder holds no curves.
        OutputError: The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = [
        (read_curve(run / "training.csv"), read_curve(run / "validation.csv")) for run in runs
    ]
    figure = Figure(figsize=(_PANEL[0] * len(runs), _PANEL[1]), layout="constrained")
    FigureCanvasAgg(figure)
    for column, (run, (training, validation)) in enumerate(zip(runs, curves, strict=True)):
        panel = figure.add_subplot(1, len(runs), column + 1, title=run.name, xlabel="step")
        panel.plot(training[0], smooth(training[1]), label="training loss", linewidth=0.8)
        panel.plot(*validation, label="validation loss", marker=".")
        panel.legend()
        panel.grid(alpha=0.3)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def main() -> None:
    """Plot the runs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="output folders of magicpose train")
    parser.add_argument("--out", required=True, type=Path, help="PNG file")
    arguments = parser.parse_args()
    plot(arguments.runs, arguments.out)


if __name__ == "__main__":
    main()
