"""Workers on a Ray cluster: an actor for each GPU, or for each share of a CPU where there is none.

Actors are sent jobs, which are paths and settings, and answer outcomes; pictures go through the
storage that all nodes see, never through Ray's object store.
"""

from __future__ import annotations

import importlib
import logging
import socket
from collections.abc import Generator, Hashable, Sequence
from types import ModuleType
from typing import Any

from ..errors import (
    InputError,
    MagicPoseError,
    MissingDependencyError,
    WorkerError,
    one_line,
)
from .job import Job, Outcome
from .render import Renderer, Setup
from .schedule import Answer, Loaded, Lost, schedule

_CONNECTS_WITHIN = 10.0  # seconds
_NO_ROOM_FOR = 600.0  # seconds in which no actor answers and none has a job


class _Actor:
    """What runs on a node; its model is loaded once."""

    def __init__(self, setup: Setup, device: str) -> None:
        self._renderer: Renderer | None = None
        self._refused = ""
        try:
            self._renderer = Renderer(setup, device)
        except MagicPoseError as error:
            self._refused = str(error)

    def refused(self) -> str:
        """Say why the model could not be loaded; empty when it is."""
        return self._refused

    def run(self, job: Job) -> Outcome:
        assert self._renderer is not None
        return self._renderer.run(job)


class RayCrew:
    """Workers that are actors of a cluster; a class because it holds them."""

    def __init__(self, setup: Setup, address: str, most: int) -> None:
        """Connect to a cluster.

        Args:
            setup: What each actor loads.
            address: ``auto`` for the cluster of this machine, ``HOST:6379``, ``ray://HOST:10001``.
            most: Actors that are of use.

        Raises:
            MissingDependencyError: Ray is not installed.
            InputError: There is no cluster at the address.
        """
        self._ray = _import_ray()
        check_reachable(address)
        try:
            self._ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        except Exception as error:  # Ray raises many kinds for an absent cluster
            raise _no_cluster(address, type(error).__name__) from error
        resources = self._ray.cluster_resources()
        gpus, threads = int(resources.get("GPU", 0)), setup.conditions.threads or 1
        on_gpu = setup.conditions.device == "cuda"
        if on_gpu and not gpus:
            raise InputError("the Ray cluster has no GPU; name the device cpu")
        places = gpus if on_gpu else int(resources.get("CPU", 1)) // threads
        self._count = max(1, min(most, places))
        needs = {"num_gpus": 1} if on_gpu else {"num_cpus": threads}
        kind = self._ray.remote(**needs)(_Actor)
        self._make = lambda: kind.remote(setup, "cuda" if on_gpu else "cpu")
        self._pending: dict[Any, Any] = {}  # actor -> what it will answer

    def start(self) -> Sequence[Hashable]:
        """Start an actor for each GPU."""
        return [self._start() for _ in range(self._count)]

    def replace(self, worker: Hashable) -> Hashable:
        """Start an actor wherever the cluster has room, now or later."""
        self._pending.pop(worker, None)
        return self._start()

    def send(self, worker: Any, job: Job) -> None:
        """Give a job to an actor."""
        self._pending[worker] = worker.run.remote(job)

    def answer(self, workers: Sequence[Hashable]) -> tuple[Hashable, Answer]:
        """Wait for the next answer.

        Raises:
            InputError: The model cannot be loaded on a node.
            WorkerError: Nothing has an answer for long and no actor is running.
        """
        by_answer = {self._pending[worker]: worker for worker in workers}
        done: list[Any] = []
        while not done:
            done, _ = self._ray.wait(list(by_answer), num_returns=1, timeout=_NO_ROOM_FOR)
            if not done and not self._is_running():
                raise WorkerError("the Ray cluster has no room for an actor; add nodes")
        worker = by_answer[done[0]]
        try:
            said = self._ray.get(done[0])
        except self._ray.exceptions.RayError as error:
            return worker, Lost(f"an actor of the cluster ended ({_cause(error)})")
        if isinstance(said, str):
            if said:
                raise InputError(said)
            return worker, Loaded()
        return worker, said

    def close(self) -> None:
        """End all actors and leave the cluster, which goes on."""
        for actor in self._pending:
            self._ray.kill(actor)
        self._ray.shutdown()

    def _start(self) -> Hashable:
        actor = self._make()
        self._pending[actor] = actor.refused.remote()
        return actor

    def _is_running(self) -> bool:
        used = self._ray.cluster_resources(), self._ray.available_resources()
        return any(used[0].get(kind, 0) > used[1].get(kind, 0) for kind in ("GPU", "CPU"))


def run_on_ray(jobs: Sequence[Job], setup: Setup, address: str) -> Generator[Outcome, None, None]:
    """Render jobs on a Ray cluster; see :class:`RayCrew`."""
    return schedule(jobs, RayCrew(setup, address, len(jobs)))


def _cause(error: Exception) -> str:
    """Give the last line of what Ray tells, which holds the cause, behind a page of its own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {one_line(lines[-1])}" if lines else type(error).__name__


def check_reachable(address: str) -> None:
    """Find out at once that nobody listens at an address, where Ray would try for minutes.

    Raises:
        InputError: Nobody does. What names no host, such as ``auto``, is left to Ray.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECTS_WITHIN).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from error


def _no_cluster(address: str, reason: str) -> InputError:
    return InputError(
        f"there is no Ray cluster at {address} ({reason}); start one as docs/batch.md shows, or "
        "name another address"
    )


def _import_ray() -> ModuleType:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingDependencyError(
            "the Ray engine needs Ray; pip install 'magicpose[cluster]'"
        ) from error
