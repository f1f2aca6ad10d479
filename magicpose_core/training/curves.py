"""The curves of a run: a CSV file that anyone can read, and tensorboard where it is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor

from ..files import disk_errors_named, write_text


class Curves:
    """Writes rows of named numbers, one file for training and one for validation.

    A resumed run cuts off the rows behind its checkpoint and writes them anew.

    Args:
        folder: Where ``<name>.csv`` and the tensorboard files go.
        first_step: Steps done when the run starts or resumes.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.csv"):
            _cut(path, first_step)
        self._board = _open_board(folder / "tensorboard", first_step)

    def write(self, name: str, step: int, numbers: Mapping[str, float]) -> None:
        """Append a row to ``<name>.csv``.

        Raises:
            OutputError: The disk is full.
        """
        path = self._folder / f"{name}.csv"
        fresh = not path.exists()
        with disk_errors_named(path), path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["step", *numbers])
            writer.writerow([step, *(f"{number:.9g}" for number in numbers.values())])
        if self._board is not None:
            for key, number in numbers.items():
                self._board.add_scalar(f"{name}/{key}", number, step)

    def picture(self, name: str, step: int, image: Tensor) -> None:
        """Show a picture (3, H, W) in [0, 1] in tensorboard."""
        if self._board is not None:
            self._board.add_image(name, image, step)

    def close(self) -> None:
        """Flush tensorboard."""
        if self._board is not None:
            self._board.close()


def _cut(path: Path, steps_done: int) -> None:
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    kept = [row for row in rows[1:] if row and row[0].isdecimal() and int(row[0]) <= steps_done]
    text = io.StringIO()
    csv.writer(text).writerows([*rows[:1], *kept])
    write_text(path, text.getvalue())


def _open_board(folder: Path, first_step: int) -> _Board | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first_step + 1)


class _Board(Protocol):
    """The part of tensorboard's writer that is used here."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...
    def add_image(self, tag: str, img_tensor: Tensor, global_step: int) -> None: ...
    def close(self) -> None: ...
