"""Run code on hostile input in a forked child, under limits, and say how it ended.

A reader (anything that returns or raises) and a command line are tried alike::

    outcome = run(lambda: open_checkpoint(path), naming=path.name)
    outcome = run_command(["inspect", str(path)], naming=path.name)
    assert outcome.clean, outcome

How it can end (``Outcome.kind``):

``ok``         It returned; a command with exit code 0.
``one line``   A ``MagicPoseError`` whose text is one printable line that holds ``naming``; a
               command's exit code 1 or 2 and one such line on stderr (its warnings, lines that
               start with ``magicpose:``, and argparse's usage may stand before it).
``unclean``    Any other exception, an unprintable, overlong or nameless message, control characters
               on stdout, or more memory than ``Limits.memory`` above the process at rest.
``hang``       It used up ``Limits.seconds`` of CPU time, or waited ten times as long.
``crash``      A signal ended it (SIGSEGV, SIGABRT, ...), or it left without a word.
``code run``   It started a program, connected somewhere, or what ``canary`` names came to be.

The first two are clean. Each kind of hostile input is a module here with ``make_case(folder,
random) -> Case``: it writes one input into the empty ``folder`` and gives back what to try on it.
Everything is drawn from ``random``, so that a seed repeats a case. ``known_cases()`` there yields
the name and maker ``(folder) -> Case`` of every input that was ever found to be badly received.
``tests/fuzz/run.py`` lists the modules (``KINDS``) and makes the table of ``make fuzz``; the
module's own test runs ``try_cases`` for a few seconds, and the known ones.
Import heavy modules before ``run``, or each child imports them anew.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from magicpose_core.errors import MagicPoseError

Kind = Literal["ok", "one line", "unclean", "hang", "crash", "code run"]
KINDS_OF_END: tuple[Kind, ...] = ("ok", "one line", "unclean", "hang", "crash", "code run")
LONGEST_LINE = 1000  # characters; a path of 255 and what to do fit well
_STARTS_SOMETHING = (
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "socket.connect",
    "subprocess.Popen",
    "webbrowser.open",
)
_TOO_SLOW = (signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child may use.

    Attributes:
        memory: Bytes above the process at rest.
        seconds: Of CPU time; ten times as many may pass on the clock.
    """

    memory: int = 1 << 30
    seconds: float = 10.0


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


def run(
    action: Callable[[], object],
    *,
    naming: str = "",
    canary: Path | None = None,
    limits: Limits = Limits(),
) -> Outcome:
    """Try a callable: see the module."""
    return try_case(Case("", action, naming=naming, canary=canary), limits)


def run_command(
    words: Sequence[str],
    *,
    naming: str = "",
    canary: Path | None = None,
    limits: Limits = Limits(),
) -> Outcome:
    """Try ``magicpose <words>``: see the module."""
    return try_case(
        Case("", command_line(words), naming=naming, command=True, canary=canary), limits
    )


def command_line(words: Sequence[str]) -> Callable[[], int]:
    """Give the action of a ``Case`` that is a command line."""
    from magicpose_core.cli.__main__ import main

    return lambda: main(list(words))


def try_cases(
    make_case: Callable[[Path, random.Random], Case],
    count: int,
    *,
    seed: int,
    limits: Limits = Limits(),
) -> Iterator[tuple[str, Outcome]]:
    """Make and try cases, each in a folder of its own; yields ``seed: name`` and the outcome."""
    for number in range(seed, seed + count):
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            case = make_case(folder, random.Random(number))
            yield f"{number}: {case.name}", try_case(case, limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def try_known(
    cases: Iterable[tuple[str, Callable[[Path], Case]]], *, limits: Limits = Limits()
) -> Iterator[tuple[str, Outcome]]:
    """Make and try known cases, each in a folder of its own; yields the name and the outcome."""
    for name, make_case in cases:
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            yield name, try_case(make_case(folder), limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def try_case(case: Case, limits: Limits = Limits()) -> Outcome:
    """Try one case in a forked child."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads at a fork
        child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _live(case, limits, writer)
        finally:
            os._exit(70)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        report = pipe.read()
    _, status, used = os.wait4(child, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # whatever it started
    return _judge(case, limits, report, status, used)


def _judge(
    case: Case, limits: Limits, report: bytes, status: int, used: resource.struct_rusage
) -> Outcome:
    told: dict[str, object] = json.loads(report.splitlines()[-1]) if report else {}
    peak = max(0, used.ru_maxrss * 1024 - int(str(told.get("rest", 1 << 62))))
    seconds = used.ru_utime + used.ru_stime
    kind, message = told.get("kind"), str(told.get("told", ""))
    if case.canary is not None and os.path.lexists(case.canary):
        kind, message = "code run", f"made {case.canary.name}; {message}"
    elif kind is None:
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        kind = "hang" if ended in _TOO_SLOW else "crash"
        message = signal.Signals(ended).name if ended else f"left with {os.WEXITSTATUS(status)}"
    elif kind in ("ok", "one line") and peak > limits.memory:
        kind, message = "unclean", f"took {peak / 1e9:.2f} GB; {message}"
    return Outcome(kind, message, peak, seconds)  # type: ignore[arg-type]


def _live(case: Case, limits: Limits, writer: int) -> None:
    """Be the child: limit it, try the case, tell how it ended, leave."""

    def tell(kind: Kind, told: str, **more: object) -> None:
        line = json.dumps({"kind": kind, "told": told[:2000], "rest": rest, **more})
        os.write(writer, line.encode() + b"\n")

    def listen(event: str, values: tuple[object, ...]) -> None:
        if event.startswith(_STARTS_SOMETHING):
            tell("code run", f"{event} {values}")
            os._exit(0)

    rest = _memory_now()
    os.setsid()
    # a line without "kind": where the child dies, the parent still knows what it had at rest
    os.write(writer, json.dumps({"rest": rest}).encode() + b"\n")
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        _redirect(output.fileno(), errors.fileno())
        _limit(limits)
        sys.addaudithook(listen)
        kind, told = _try_command(case) if case.command else _try_reader(case)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        if case.command and kind in ("ok", "one line"):
            kind, told = _read_output(case, kind, output, errors)
        tell(kind, told)
    os._exit(0)


def _memory_now() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def _redirect(output: int, errors: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(source, target)
    # as Python opens them on a terminal
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    logging.getLogger().handlers.clear()
    faulthandler.disable()  # pytest's writes pages


def _limit(limits: Limits) -> None:
    import torch

    torch.set_num_threads(1)  # the parent's other threads are not here
    for ignored in (signal.SIGALRM, signal.SIGPROF, signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, limits.seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * limits.seconds)
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    # a second bound, for what is asked for and never touched; the first is measured
    most = mapped * resource.getpagesize() + limits.memory + (3 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _try_reader(case: Case) -> tuple[Kind, str]:
    try:
        case.action()
    except MagicPoseError as error:
        wrong = _unclear(str(error), case.naming)
        return ("unclean", f"{wrong}: {str(error)[:300]!a}") if wrong else ("one line", str(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
        return "unclean", _describe(error)
    return "ok", ""


def _try_command(case: Case) -> tuple[Kind, str]:
    try:
        code = case.action()
    except SystemExit as error:  # argparse
        code = error.code
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
        return "unclean", _describe(error)
    if code == 0:
        return "ok", ""
    if code in (1, 2):
        return "one line", ""
    return "unclean", f"exit code {code}"


def _describe(error: BaseException) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
    return f"{type(error).__name__} at {where}: {str(error)[:300]!a}"


def _read_output(case: Case, kind: Kind, output: BinaryIO, errors: BinaryIO) -> tuple[Kind, str]:
    """Look at what a command wrote: nothing unprintable, and one line where it failed."""
    texts = []
    for stream in (output, errors):
        stream.seek(0)
        texts.append(stream.read(1 << 22).decode("utf-8", "replace"))
    for text in texts:
        strange = next((c for c in text if not c.isprintable() and c not in "\n\t\r"), None)
        if strange is not None:
            return "unclean", f"wrote {strange!a} to the terminal"
    if kind == "ok":
        return "ok", texts[1].strip()
    lines = [line for line in texts[1].splitlines() if line.strip()]
    told = [
        line
        for line in lines
        if line.startswith("magicpose: error:")  # argparse's
        or not line.startswith(("usage:", " ", "magicpose:"))
    ]
    if len(told) != 1:
        return "unclean", f"{len(told)} lines for one failure: {texts[1][-500:]!a}"
    wrong = _unclear(told[0], case.naming)
    return ("unclean", f"{wrong}: {told[0][:300]!a}") if wrong else ("one line", told[0])


def _unclear(line: str, naming: str) -> str:
    if not line.isprintable():
        return "unprintable"
    if not line.strip():
        return "empty"
    if len(line) > LONGEST_LINE:
        return "overlong"
    return "" if naming in line else f"does not say {naming!a}"
