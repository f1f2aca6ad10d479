"""Kill commands at random moments and look at what is left.

Each command runs in a forked child whose modules are loaded, in a folder of its own. It gets
SIGKILL, SIGTERM or SIGHUP when it has used a random share of the CPU time that it takes
undisturbed, or before a random one of the changes that it makes in the file system. Then the next
run comes, which is killed at times too, and one after it. What stands in the folder is compared
with what undisturbed runs leave:

- a run that replaces results: the next one is refused, and all files are the old ones or all the
  new ones;
- a run that goes on (training, detection): all files are those of an undisturbed run, with losses
  and weights bit for bit;
- no other file is there, hidden ones and those in TMPDIR included, and no input has changed.

After SIGTERM and SIGHUP all that holds without a next run for runs that replace results.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import itertools
import json
import os
import random as random_numbers
import shutil
import signal
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from magicpose_core.cli.__main__ import main

from . import loaded  # noqa: F401 - by the parent, not by each child
from .changes import count_changes
from .kill_jobs import JOBS, KillJob

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
_NOT_COMPARED = ("events.out.tfevents", "batch")  # TensorBoard's, named by the time; logs
_TIMES = ("seconds", "seconds_by_part")  # in settings and curves

State = Mapping[str, str]
"""Path below a folder -> what is compared of its content."""


@dataclass(frozen=True)
class Moment:
    """When a signal comes: after so much CPU time, or before the change of that number.

    Attributes:
        number: The signal.
        seconds: CPU time, in seconds, or None.
        change: From 1 on, or None.
    """

    number: signal.Signals
    seconds: float | None = None
    change: int | None = None


@dataclass(frozen=True)
class Kill:
    """What came of one.

    Attributes:
        number: The signal.
        found: ``old``, ``new``, or ``whole`` where the run was done before the signal came.
        wrong: What is wrong, or nothing.
    """

    number: signal.Signals
    found: str
    wrong: str = ""


class Killer:
    """One command, its undisturbed runs and the folder it is killed in; ``kill`` does it once."""

    def __init__(self, name: str, inputs: Path, folder: Path) -> None:
        """Run the command undisturbed, to know how long it takes and what it leaves."""
        self._inputs, self._folder = inputs, folder
        self._work, self._old_work = folder / "work", folder / "old"
        folder.mkdir(parents=True)
        self._work.mkdir()
        self.job: KillJob = JOBS[name](inputs, self._work)
        if self.job.before is not None:
            _expect_success(self._run(self.job.before)[0], name)
        shutil.copytree(self._work, self._old_work)
        self._old = state_of(self._work)
        code, self._seconds = self._run(self.job.words)
        _expect_success(code, name)
        self.changes = int((folder / "changes.txt").read_text("ascii"))
        self._new = state_of(self._work)
        assert self._new != self._old, f"{name} changes nothing"
        self._sources = _stamps(inputs)

    def kill(self, moment: Moment, *, then: Moment | None = None) -> Kill:
        """Put the old results back, kill the command, and run the next one; kill that too."""
        shutil.rmtree(self._work)
        shutil.copytree(self._old_work, self._work)
        number = moment.number
        code, _ = self._run(self.job.words, end=moment)
        found = "whole" if code == 0 else ""
        asked_to_end = number != signal.SIGKILL
        if asked_to_end and not self.job.resumes and (wrong := self._compare()[1]):
            return Kill(number, found, f"left by {number.name} (exit {code}): {wrong}")
        if then is not None:
            self._run(self.job.again, end=then)
        self._run(self.job.again)
        state, wrong = self._compare()
        return Kill(number, found or state, wrong)

    def draw_moment(self, random: random_numbers.Random) -> Moment:
        """Draw one: half of them lie before changes."""
        number = random.choice(SIGNALS)
        if random.random() < 0.5:
            return Moment(number, change=random.randint(1, self.changes))
        return Moment(number, seconds=random.random() * self._seconds)

    def draw_next_moment(self, random: random_numbers.Random) -> Moment:
        """Draw one for the next run: it clears up first, in a few changes."""
        return Moment(random.choice(SIGNALS), change=round(self.changes ** random.random()))

    def each_change(self) -> list[Moment]:
        """Give the moments before each change, with the signals in turn."""
        return [
            Moment(number, change=change)
            for change, number in zip(range(1, self.changes + 1), itertools.cycle(SIGNALS))
        ]

    def _compare(self) -> tuple[str, str]:
        state = state_of(self._work)
        if self._sources != _stamps(self._inputs):
            return "", "inputs have changed"
        if left := [path.name for path in (self._folder / "tmp").iterdir()]:
            return "", f"TMPDIR holds {', '.join(left[:3])}"
        if state == self._new:
            return "new", ""
        if state == self._old and not self.job.resumes:
            return "old", ""
        return "", _difference(state, self._new)

    def _run(self, words: tuple[str, ...], *, end: Moment | None = None) -> tuple[int, float]:
        """Run in a child, and end it by a signal at that moment.

        Returns:
            The exit code, negative for a signal's number, and the CPU time.
        """
        (self._folder / "tmp").mkdir(exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads at a fork
            child = os.fork()
        if child == 0:
            _be(words, self._work, self._folder / "tmp", end)
        if end is not None and end.seconds is not None:
            _wait_for_cpu_time(child, end.seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, end.number)
        _, status, used = os.wait4(child, 0)
        return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def state_of(folder: Path) -> State:
    """Read all files below a folder, without the times that are written in them."""
    return {
        str(path.relative_to(folder)): _content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(_NOT_COMPARED)
    }


def _stamps(folder: Path) -> list[tuple[str, int, int, int]]:
    found = ((path, path.lstat()) for path in sorted(folder.rglob("*")))
    return [(str(path), of.st_ino, of.st_size, of.st_mtime_ns) for path, of in found]


def _content(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".json":
        value = json.loads(content)
        return json.dumps({k: v for k, v in value.items() if k not in _TIMES}, sort_keys=True)
    if path.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(content.decode()))
        return json.dumps([{k: v for k, v in row.items() if k not in _TIMES} for row in rows])
    return hashlib.sha256(content).hexdigest()


def _difference(state: State, wanted: State) -> str:
    wrong = [
        *(f"no {name}" for name in wanted.keys() - state.keys()),
        *(f"left {name}" for name in state.keys() - wanted.keys()),
        *(f"other {name}" for name in state.keys() & wanted.keys() if state[name] != wanted[name]),
    ]
    return f"{len(wrong)} files: {', '.join(sorted(wrong)[:5])}"


def _expect_success(code: int, name: str) -> None:
    if code != 0:
        raise RuntimeError(f"{name} ends with {code} undisturbed")


def _wait_for_cpu_time(child: int, seconds: float) -> None:
    path = Path(f"/proc/{child}/schedstat")
    while not _ended(child):
        if int(path.read_text("ascii").split()[0]) >= seconds * 1e9:
            return
        time.sleep(0.001)


def _ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _be(words: tuple[str, ...], work: Path, scratch: Path, end: Moment | None) -> None:
    """Be the child: run the command line, tell how many changes it made, and leave."""
    code = 70
    try:
        os.setsid()
        os.chdir(work)
        os.environ["TMPDIR"] = str(scratch)
        nothing = os.open(os.devnull, os.O_RDWR)
        with Path(work.parent, "said.txt").open("ab") as said:
            for source, target in ((nothing, 0), (said.fileno(), 1), (said.fileno(), 2)):
                os.dup2(source, target)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
        changes = count_changes((end.change, end.number) if end and end.change else None)
        code = main(list(words))
        Path(work.parent, "changes.txt").write_text(str(changes()), "ascii")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 70
    finally:
        os._exit(code)
