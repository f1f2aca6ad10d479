"""Hand jobs to workers as they become free; what a dead worker had goes to another one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import WorkerError
from .job import Job, Outcome

_ATTEMPTS = 2  # a job that ends its workers is not handed out for ever
_LOST_WHILE_LOADING = 3


@dataclass(frozen=True)
class Loaded:
    """A worker has its model and waits for jobs."""


@dataclass(frozen=True)
class Lost:
    """A worker has ended."""

    reason: str


Answer = Outcome | Loaded | Lost


class Crew(Protocol):
    """Workers on an engine; each is loading, or has one job."""

    def start(self) -> Sequence[Hashable]:
        """Start all workers; each answers :class:`Loaded` later."""

    def replace(self, worker: Hashable) -> Hashable:
        """Start another worker where one is lost."""

    def send(self, worker: Hashable, job: Job) -> None:
        """Give a job to a worker that has none."""

    def answer(self, workers: Sequence[Hashable]) -> tuple[Hashable, Answer]:
        """Wait for the next answer of one of these workers."""

    def close(self) -> None:
        """End all workers."""


def schedule(jobs: Sequence[Job], crew: Crew) -> Generator[Outcome, None, None]:
    """Have jobs rendered, in order as far as workers are free.

    Yields:
        An outcome for each job, as they are done.

    Raises:
        WorkerError: Workers end again and again before they have loaded.
    """
    waiting, attempts = deque(jobs), Counter[str]()
    losses = 0
    try:
        working: dict[Hashable, Job | None] = dict.fromkeys(crew.start())
        while waiting or any(working.values()):
            worker, answer = crew.answer(list(working))
            job = working.pop(worker)
            if isinstance(answer, Lost):
                losses += job is None
                if losses >= _LOST_WHILE_LOADING:
                    raise WorkerError(f"workers end before they have loaded: {answer.reason}")
                working[crew.replace(worker)] = None
                if job is not None:
                    yield from _again(job, answer, waiting, attempts)
                continue
            if isinstance(answer, Outcome):
                yield answer
            if waiting:
                working[worker] = waiting.popleft()
                crew.send(worker, _given(working, worker))
    finally:
        crew.close()


def _given(working: Mapping[Hashable, Job | None], worker: Hashable) -> Job:
    job = working[worker]
    assert job is not None
    return job


def _again(job: Job, lost: Lost, waiting: deque[Job], attempts: Counter[str]) -> Iterator[Outcome]:
    """Put a lost worker's job back, or give it up."""
    attempts[job.name] += 1
    if attempts[job.name] < _ATTEMPTS:
        waiting.appendleft(job)
        return
    yield Outcome(
        name=job.name, status="failed", error=f"{_ATTEMPTS} workers ended over it: {lost.reason}"
    )
