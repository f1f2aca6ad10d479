"""Run code on hostile input in forked children, under limits, and say how it ended.

A reader (anything that returns or raises) and a command line are tried alike::

    outcome = run(lambda: open_checkpoint(path), naming=path.name)
    outcome = run_command(["inspect", str(path)], naming=path.name)
    assert outcome.clean, outcome

How it can end stands in ``outcomes``. Each kind of hostile input is a module here with
``make_case(folder, random) -> Case``: it writes one input into the empty ``folder`` and gives back
what to try on it. Everything is drawn from ``random``, so that a seed repeats a case.
A child tries several, one after another, since a fork costs more than most cases; where one ends
it, the rest are tried in another. ``TOGETHER = 1`` in the module keeps its cases apart.
``known_cases()`` there yields the name and maker ``(folder) -> Case`` of every input that was ever
found to be badly received. ``tests/fuzz/run.py`` lists the modules (``KINDS``) and makes the table
of ``make fuzz``; the module's own test runs ``try_cases`` for a few seconds, and the known ones.
Import heavy modules before ``run``, or each child imports them anew.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from magicpose_core.cli.__main__ import build_parser, main

from .child import live
from .outcomes import USUAL, Case, Limits, Outcome

TOGETHER = 25  # cases a child
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
    together: int = TOGETHER,
) -> Iterator[tuple[str, Outcome]]:
    """Make and try cases, each in a folder of its own; yields ``seed: name`` and the outcome."""

    def made(number: int, folder: Path) -> Case:
        case = make_case(folder, random.Random(number))
        return replace(case, name=f"{number}: {case.name}")

    makers = (functools.partial(made, number) for number in range(seed, seed + count))
    return _try_all(makers, limits, together)


def try_known(
    cases: Iterable[tuple[str, Callable[[Path], Case]]],
    *,
    limits: Limits = USUAL,
    together: int = TOGETHER,
) -> Iterator[tuple[str, Outcome]]:
    """Make and try known cases, each in a folder of its own; yields the name and the outcome."""

    def made(name: str, make_case: Callable[[Path], Case], folder: Path) -> Case:
        return replace(make_case(folder), name=name)

    return _try_all((functools.partial(made, *case) for case in cases), limits, together)


def _try_all(
    makers: Iterable[Callable[[Path], Case]], limits: Limits, together: int
) -> Iterator[tuple[str, Outcome]]:
    makers = iter(makers)
    while some := list(itertools.islice(makers, together)):
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            cases = []
            for number, make_case in enumerate(some):
                (folder / str(number)).mkdir()
                cases.append(make_case(folder / str(number)))
            names = [case.name for case in cases]
            yield from zip(names, _try_together(cases, limits), strict=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def try_case(case: Case, limits: Limits = USUAL) -> Outcome:
    """Try one case in a forked child."""
    (outcome,) = _try_together([case], limits)
    return outcome


def _try_together(cases: Sequence[Case], limits: Limits) -> list[Outcome]:
    """Try cases one after another, in one child as long as it lives."""
    outcomes: list[Outcome] = []
    while len(outcomes) < len(cases):
        left = cases[len(outcomes) :]
        told, status, used = _try_in_child(left, limits)
        ended = [each for each in told if "kind" in each]
        outcomes += (_judge(case, limits, each) for case, each in zip(left, ended, strict=False))
        if len(ended) < len(left) and (not ended or ended[-1]["kind"] != "code run"):
            rest = next((each["rest"] for each in reversed(told)), 1 << 62)
            peak = max(0, used.ru_maxrss * 1024 - rest)
            seconds = used.ru_utime + used.ru_stime
            died = {**_describe_end(status), "peak": peak, "seconds": seconds}
            outcomes.append(_judge(left[len(ended)], limits, died))
    return outcomes


def _try_in_child(
    cases: Sequence[Case], limits: Limits
) -> tuple[list[dict[str, Any]], int, resource.struct_rusage]:
    """Give what the child told of its cases, its status and what it used."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as report:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads at a fork
            child = os.fork()
        if child == 0:
            try:
                live(cases, limits, report.fileno())
            finally:
                os._exit(70)
        _end_when_waiting(child, limits.seconds)
        _, status, used = os.wait4(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # whatever it started
        report.seek(0)
        told = [json.loads(line) for line in report.read().splitlines()]
    return told, status, used


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


def _describe_end(status: int) -> dict[str, Any]:
    ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return {
        "kind": "hang" if ended in _TOO_SLOW else "crash",
        "told": signal.Signals(ended).name if ended else f"left with {os.WEXITSTATUS(status)}",
    }


def _judge(case: Case, limits: Limits, told: Mapping[str, Any]) -> Outcome:
    kind, message, peak = told["kind"], told["told"], told["peak"]
    if case.canary is not None and os.path.lexists(case.canary):
        kind, message = "code run", f"made {case.canary.name}; {message}"
    elif kind in ("ok", "one line") and peak > limits.memory:
        kind, message = "unclean", f"took {peak / 1e9:.2f} GB; {message}"
    return Outcome(kind, message, peak, told["seconds"])
