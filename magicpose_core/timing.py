"""Seconds by part of the work, for the settings of a clip."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Stopwatch:
    """Adds up seconds by name; a class, since the parts of a clip lie far apart.

    Attributes:
        seconds: Name of the part -> wall seconds.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add what the block takes to a part."""
        started = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + taken

    def rounded(self) -> dict[str, float]:
        """Give the seconds as they are told."""
        return {name: round(taken, 2) for name, taken in self.seconds.items()}
