"""What a command says: lines that a terminal shows as they are, wherever they go."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def printable(text: str) -> str:
    """Write control characters as escapes: names of files and keys do not steer the terminal."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode()
        for sign in text
    )


def say(*lines: str) -> None:
    """Print lines on stdout."""
    sys.stdout.write("".join(printable(line) + "\n" for line in lines))


def complain(line: str) -> None:
    """Print one line on stderr, if there is one."""
    with contextlib.suppress(OSError):
        sys.stderr.write(printable(line) + "\n")


@contextlib.contextmanager
def usable_streams() -> Iterator[None]:
    """Let a command write to streams that the shell has closed, or whose alphabet is small."""
    before = sys.stdout, sys.stderr
    with contextlib.ExitStack() as opened:
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                nowhere = opened.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
                setattr(sys, name, nowhere)
            elif hasattr(getattr(sys, name), "reconfigure"):
                getattr(sys, name).reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def log_to_stderr() -> None:
    """Show warnings as lines that begin with ``magicpose:``."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("magicpose: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def flush_stdout() -> None:
    """Have all that was said written.

    Raises:
        BrokenPipeError: Nobody reads it any more, as behind ``| head``.
        OSError: It cannot be written, such as to a full disk.
    """
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
        raise


def _drop_stdout() -> None:
    """Keep Python from trying again at its end, and complaining."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
