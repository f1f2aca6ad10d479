"""The warnings of a job, kept for its outcome: told in one place, whichever process renders."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from ..errors import one_line

_LONGEST = 500


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(one_line(record.getMessage(), most=_LONGEST))


@contextlib.contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect what the package warns of in the block, in place of printing it.

    A worker that prints would tear the bar of the process that shows it.
    """
    logger, collector = logging.getLogger("magicpose"), _Collector()
    told = logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield collector.lines
    finally:
        logger.propagate = told
        logger.removeHandler(collector)
