"""Jobs and workers that die, on a crew whose answers are written down beforehand."""

from collections import deque
from pathlib import Path

import pytest

from magicpose_core.batch.job import Job, Outcome
from magicpose_core.batch.schedule import Loaded, Lost, schedule
from magicpose_core.errors import WorkerError


def jobs(*names):
    return [Job(name=n, reference=(Path("a.png"),), poses=Path("p"), out=Path(n)) for n in names]


class Crew:
    """Workers that answer in turn; those in ``dies`` end over the jobs of these names."""

    def __init__(self, workers: int, dies: tuple[str, ...] = (), loads: bool = True) -> None:
        self.names = deque(range(100))
        self.workers, self.dies, self.loads = workers, list(dies), loads
        self.has: dict[int, Job | None] = {}
        self.closed = False

    def start(self):
        return [self.replace(None) for _ in range(self.workers)]

    def replace(self, worker):
        self.has.pop(worker, None)
        new = self.names.popleft()
        self.has[new] = None
        return new

    def send(self, worker, job):
        self.has[worker] = job

    def answer(self, workers):
        worker = workers[0]
        job = self.has[worker]
        if job is None:
            return worker, Loaded() if self.loads else Lost("no memory")
        if job.name in self.dies:
            self.dies.remove(job.name)
            return worker, Lost("killed")
        return worker, Outcome(name=job.name, status="rendered", frames=1)

    def close(self):
        self.closed = True


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_job_has_one_outcome(workers):
    crew = Crew(workers)
    names = [outcome.name for outcome in schedule(jobs("a", "b", "c", "d"), crew)]
    assert sorted(names) == ["a", "b", "c", "d"]
    assert crew.closed


def test_a_dead_workers_job_goes_to_another_worker():
    outcomes = list(schedule(jobs("a", "b", "c"), Crew(2, dies=("b",))))
    assert sorted(outcome.name for outcome in outcomes) == ["a", "b", "c"]
    assert all(outcome.status == "rendered" for outcome in outcomes)


def test_a_job_that_ends_two_workers_fails_and_the_others_go_on():
    outcomes = {o.name: o for o in schedule(jobs("a", "b", "c"), Crew(1, dies=("b", "b")))}
    assert outcomes["b"].status == "failed"
    assert outcomes["b"].error == "2 workers ended over it: killed"
    assert outcomes["a"].status == outcomes["c"].status == "rendered"


def test_workers_that_never_load_end_the_batch():
    crew = Crew(1, loads=False)
    with pytest.raises(WorkerError, match="before they have loaded: no memory"):
        list(schedule(jobs("a"), crew))
    assert crew.closed


def test_who_stops_listening_ends_the_workers():
    crew = Crew(1)
    outcomes = schedule(jobs("a", "b"), crew)
    next(outcomes)
    outcomes.close()
    assert crew.closed
