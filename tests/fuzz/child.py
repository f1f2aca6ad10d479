"""Inside the forked child: limit it, try the cases, tell the parent how each ended."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import torch

from magicpose_core.errors import MagicPoseError

from .outcomes import Case, Kind, Limits

LONGEST_LINE = 1000  # characters; a path of 255 and what to do fit well
# of tqdm; what is said meanwhile may stand behind it on the line
_BAR = re.compile(r"[^\r\n\[]*\[[0-9]+:[0-9:]+(<[0-9:?]+)?, [^\]\r\n]*\]")
_OF_SEVERAL = "the reasons stand above, the others are done"  # one line for each before it
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


def live(cases: Sequence[Case], limits: Limits, report: int) -> None:
    """Be the child: limit it, try the cases, write how each ended into ``report``, leave.

    Of each case a line ``{"rest": bytes}`` before it, so that the parent knows that where the case
    ends the child, and one with ``kind``, ``told``, ``peak`` and ``seconds`` after it.
    """

    def tell(**values: object) -> None:
        os.write(report, json.dumps({"rest": rest, **values}).encode() + b"\n")

    def listen(event: str, values: tuple[object, ...]) -> None:
        if event.startswith(_STARTS_SOMETHING):
            tell(kind="code run", told=f"{event} {values}"[:2000], peak=0, seconds=0.0)
            os._exit(0)

    rest = 0
    os.setsid()
    _limit(limits)
    sys.addaudithook(listen)
    for case in cases:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
        rest, begun = _memory("VmRSS"), time.process_time()
        tell()
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
        kind, told = _try(case)
        signal.setitimer(signal.ITIMER_PROF, 0)
        peak, seconds = max(0, _memory("VmHWM") - rest), time.process_time() - begun
        tell(kind=kind, told=told[:2000], peak=peak, seconds=seconds)
    os._exit(0)


def _try(case: Case) -> tuple[Kind, str]:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        _redirect(output.fileno(), errors.fileno())
        kind, told = _try_command(case) if case.command else _try_reader(case)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        if case.command and kind in ("ok", "one line"):
            return _read_output(case, kind, output, errors)
    return kind, told


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def _redirect(output: int, errors: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(source, target)
    os.close(nothing)
    # as Python opens them on a terminal
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    logging.getLogger().handlers.clear()
    faulthandler.disable()  # pytest's writes pages


def _limit(limits: Limits) -> None:
    torch.set_num_threads(1)  # the parent's other threads are not here
    for ignored in (signal.SIGALRM, signal.SIGPROF, signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_DFL)
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
    lines = [line for line in _BAR.sub("", texts[1]).splitlines() if line.strip()]
    told = [
        line
        for line in lines
        if line.startswith("magicpose: error:")  # argparse's
        or not line.startswith(("usage:", " ", "magicpose:"))
    ]
    if told and told[-1].endswith(_OF_SEVERAL):
        told = told[-1:]
    if len(told) != 1:
        return "unclean", f"{len(told)} lines for one failure: {texts[1][-500:]!a}"
    wrong = _unclear(told[0], case.naming)
    if " unforeseen " in told[0]:  # the last net, which names no cause
        wrong = "unforeseen"
    return ("unclean", f"{wrong}: {told[0][:300]!a}") if wrong else ("one line", told[0])


def _unclear(line: str, naming: str) -> str:
    if not line.isprintable():
        return "unprintable"
    if not line.strip():
        return "empty"
    if len(line) > LONGEST_LINE:
        return "overlong"
    return "" if naming in line else f"does not say {naming!a}"
