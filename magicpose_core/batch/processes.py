"""A process for each device of this machine; jobs and outcomes go through pipes."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import cast

from ..errors import InputError, MagicPoseError
from .job import Job, Outcome
from .render import Renderer, Setup
from .schedule import Answer, Loaded, Lost, schedule

_SPAWN = multiprocessing.get_context("spawn")  # CUDA does not survive a fork


@dataclass(frozen=True, eq=False)
class _Worker:
    device: str
    process: BaseProcess
    pipe: Connection


class ProcessCrew:
    """Workers that are processes of this machine; a class because it holds them."""

    def __init__(self, setup: Setup, devices: Sequence[str]) -> None:
        """Take one device for each process: ``cuda:0``, ``cuda:1``."""
        self._setup = setup
        self._devices = devices
        self._started: list[_Worker] = []

    def start(self) -> Sequence[Hashable]:
        """Start a process for each device."""
        return [self._start(device) for device in self._devices]

    def replace(self, worker: Hashable) -> Hashable:
        """Start a process for the device of one that has ended."""
        return self._start(cast(_Worker, worker).device)

    def send(self, worker: Hashable, job: Job) -> None:
        """Give a job; that the process has ended meanwhile, its answer tells."""
        with contextlib.suppress(BrokenPipeError):
            cast(_Worker, worker).pipe.send(job)

    def answer(self, workers: Sequence[Hashable]) -> tuple[Hashable, Answer]:
        """Wait for the next answer.

        Raises:
            InputError: The model cannot be loaded.
        """
        by_pipe = {worker.pipe: worker for worker in cast(Sequence[_Worker], workers)}
        pipe = cast(Connection, wait(list(by_pipe))[0])
        worker = by_pipe[pipe]
        try:
            said = pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            return worker, Lost(_end_in_words(worker.process.exitcode))
        if isinstance(said, str):
            raise InputError(said)
        return worker, said

    def close(self) -> None:
        """Ask all processes to end, and wait for it."""
        for worker in self._started:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._started:
            worker.process.join()

    def _start(self, device: str) -> _Worker:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_serve, args=(theirs, self._setup, device), daemon=True)
        process.start()
        theirs.close()  # or its end would not show here
        worker = _Worker(device, process, ours)
        self._started.append(worker)
        return worker


def run_on_devices(
    jobs: Sequence[Job], setup: Setup, devices: Sequence[str]
) -> Generator[Outcome, None, None]:
    """Render jobs, a process for each device."""
    return schedule(jobs, ProcessCrew(setup, devices[: len(jobs)]))


def run_here(jobs: Sequence[Job], setup: Setup, device: str) -> Generator[Outcome, None, None]:
    """Render jobs in this process."""
    renderer = Renderer(setup, device)
    for job in jobs:
        yield renderer.run(job)


def _serve(pipe: Connection, setup: Setup, device: str) -> None:
    """Render what comes through the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the first process decides
    signal.signal(signal.SIGTERM, _end)
    try:
        renderer = Renderer(setup, device)
    except MagicPoseError as error:
        pipe.send(str(error))
        return
    answer: Answer = Loaded()
    while True:
        try:
            pipe.send(answer)
            job = pipe.recv()
        except (EOFError, OSError):
            return
        answer = renderer.run(job)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _end_in_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"a process was ended by {signal.Signals(-code).name} (killed, or out of memory)"
    return f"a process ended with code {code}"
