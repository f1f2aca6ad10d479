"""What a person follows: one line for each clip in a file, and a summary at its end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..files import disk_errors_named
from .job import Outcome
from .run import OnOutcome, Summary
from .shards import Shard


def log_path(out: Path, shard: Shard) -> Path:
    """Name the log: ``batch.log``, or one for each shard."""
    return out / ("batch.log" if shard.count == 1 else f"batch-{shard.number}of{shard.count}.log")


@contextlib.contextmanager
def open_log(path: Path, head: str) -> Iterator[OnOutcome]:
    """Add a line to a log for each outcome that the yielded function is told of.

    Args:
        path: The log; what is in it stays.
        head: Says what begins.

    Raises:
        OutputError: It cannot be written.
    """
    with disk_errors_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    with file:
        _write(file, head)

        def write(outcome: Outcome) -> None:
            for warning in outcome.warnings:
                _write(file, f"warned    {outcome.name}: {warning}")
            _write(file, outcome_in_words(outcome))

        yield write


def outcome_in_words(outcome: Outcome) -> str:
    """Say what came of a job in one line."""
    if outcome.status == "failed":
        return f"failed    {outcome.name}: {outcome.error}"
    if outcome.status == "kept":
        return f"kept      {outcome.name} ({outcome.frames} frames)"
    return f"rendered  {outcome.name} ({outcome.frames} frames, {outcome.seconds:.1f} s)"


def add_summary(path: Path, summary: Summary) -> None:
    """Write the summary under a log's lines."""
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        _write(file, str(summary))


def _write(file: IO[str], line: str) -> None:
    with contextlib.suppress(OSError):  # a full disk: the clip's own error says so
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")
        file.flush()
