"""Run code on hostile input in a forked child, under limits, and say how it ended.

A reader (anything that returns or raises) and a command line are tried alike::

    outcome = run(lambda: open_checkpoint(path), naming=path.name)
    outcome = run_command(["inspect", str(path)], naming=path.name)
    assert outcome.clean, outcome

How it can end stands in ``outcomes``. Each kind of hostile input is a module here with
``make_case(folder, random) -> Case``: it writes one input into the empty ``folder`` and gives back
what to try on it. Everything is drawn from ``random``, so that a seed repeats a case.
``known_cases()`` there yields the name and maker ``(folder) -> Case`` of every input that was ever
found to be badly received. ``tests/fuzz/run.py`` lists the modules (``KINDS``) and makes the table
of ``make fuzz``; the module's own test runs ``try_cases`` for a few seconds, and the known ones.
Import heavy modules before ``run``, or each child imports them anew.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from magicpose_core.cli.__main__ import build_parser, main

from .child import live
from .outcomes import USUAL, Case, Limits, Outcome

_TOO_SLOW = (signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU)


def run(
    action: Callable[[], object],
    *,
    naming: str = "",
    canary: Path | None = None,
    limits: Limits = USUAL,
) -> Outcome:
    """Try a callable: see ``outcomes``."""
    return try_case(Case("", action, naming=naming, canary=canary), limits)


def run_command(
    words: Sequence[str],
    *,
    naming: str = "",
    canary: Path | None = None,
    limits: Limits = USUAL,
) -> Outcome:
    """Try ``magicpose <words>``: see ``outcomes``."""
    return try_case(
        Case("", command_line(words), naming=naming, command=True, canary=canary), limits
    )


def command_line(words: Sequence[str]) -> Callable[[], int]:
    """Give the action of a ``Case`` that is a command line."""
    _load_commands()
    return lambda: main(list(words))


@functools.cache
def _load_commands() -> None:
    build_parser()  # loads every command once, not in each child


def try_cases(
    make_case: Callable[[Path, random.Random], Case],
    count: int,
    *,
    seed: int,
    limits: Limits = USUAL,
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
    cases: Iterable[tuple[str, Callable[[Path], Case]]], *, limits: Limits = USUAL
) -> Iterator[tuple[str, Outcome]]:
    """Make and try known cases, each in a folder of its own; yields the name and the outcome."""
    for name, make_case in cases:
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            yield name, try_case(make_case(folder), limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def try_case(case: Case, limits: Limits = USUAL) -> Outcome:
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
            live(case, limits, writer)
        finally:
            os._exit(70)
    os.close(writer)
    _end_when_waiting(child, limits.seconds)
    _, status, used = os.wait4(child, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # whatever it started
    with os.fdopen(reader, "rb") as pipe:
        report = pipe.read()
    return _judge(case, limits, report, status, used)


def _end_when_waiting(child: int, seconds: float) -> None:
    """Return when the child is done; end it where it has only waited for so long.

    A child that is short of CPU time does not wait: it is ready to run all the time.
    """
    done = os.pidfd_open(child)
    waits_since = None
    while not select.select([done], [], [], min(0.5, seconds))[0]:
        if not _waits(child):
            waits_since = None
        elif waits_since is None:
            waits_since = time.monotonic()
        elif time.monotonic() - waits_since > seconds:
            os.kill(child, signal.SIGALRM)
            break
    os.close(done)


def _waits(process: int) -> bool:
    try:
        stats = [path.read_text("ascii") for path in Path(f"/proc/{process}/task").glob("*/stat")]
    except OSError:
        return False
    return all(stat.rpartition(") ")[2].startswith("S") for stat in stats)


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
