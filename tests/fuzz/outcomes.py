"""What a hostile case is, what it may use, and how it can end.

``ok``         It returned; a command with exit code 0.
``one line``   A ``MagicPoseError`` whose text is one printable line that holds ``naming``; a
               command's exit code 1 or 2 and one such line on stderr (its warnings, lines that
               start with ``magicpose:``, argparse's usage, progress bars and, of several inputs,
               the line of each may stand before it).
``unclean``    Any other exception, an unprintable, overlong or nameless message, control characters
               on stdout, or more memory than ``Limits.memory`` above the process at rest.
``hang``       It used up ``Limits.seconds`` of CPU time, or waited as long for nothing.
``crash``      A signal ended it (SIGSEGV, SIGABRT, ...), or it left without a word.
``code run``   It started a program, connected somewhere, or what ``canary`` names came to be.

The first two are clean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["ok", "one line", "unclean", "hang", "crash", "code run"]
KINDS_OF_END: tuple[Kind, ...] = ("ok", "one line", "unclean", "hang", "crash", "code run")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child may use.

    Attributes:
        memory: Bytes above the process at rest.
        seconds: Of CPU time, and of waiting without a break.
    """

    memory: int = 1 << 30
    seconds: float = 10.0


USUAL = Limits()


@dataclass(frozen=True)
class Outcome:
    """How a child ended.

    Attributes:
        kind: See the module.
        told: The message, the exception, or the signal.
        peak: Bytes of memory above the process at rest.
        seconds: CPU time.
    """

    kind: Kind
    told: str
    peak: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether it returned, or said in one line why not."""
        return self.kind in ("ok", "one line")


@dataclass(frozen=True)
class Case:
    """A hostile input and what is tried on it.

    Attributes:
        name: What was done to the input.
        action: What to try; runs in the child.
        naming: What a refusal has to hold, such as the file's name.
        command: Whether ``action`` is a command line that returns its exit code.
        canary: A path that exists only if the input got its code run.
    """

    name: str
    action: Callable[[], object]
    naming: str = ""
    command: bool = False
    canary: Path | None = None
