"""Run a batch: what is done is kept, the rest is rendered by an engine, and all is counted."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..files import lock_file, sweep
from .fingerprint import settings_of_job
from .job import Job, Outcome, by_reference
from .records import claim_conditions, look_for
from .render import Setup
from .shards import Shard

Engine = Callable[[Sequence[Job], Setup], Generator[Outcome, None, None]]
OnOutcome = Callable[[Outcome], None]

_log = logging.getLogger("magicpose")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What is to be rendered.

    Attributes:
        jobs: All of the list, whatever the shard.
        out: Folder of the results.
        about: What the jobs are made from, as JSON holds it; kept beside the results.
        shard: The part that this process renders.
        own_size: (width, height) of the model's own.
        noted: What the model's file says of sampling.
    """

    jobs: Sequence[Job]
    out: Path
    about: Mapping[str, Any] = field(default_factory=dict)
    shard: Shard = field(default_factory=Shard)
    own_size: tuple[int, int]
    noted: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What came of a batch.

    Attributes:
        outcomes: Of each job that was looked at.
        seconds: In all.
        left: Jobs that were not begun, since the disk is full.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float
    left: int = 0

    @property
    def failed(self) -> list[Outcome]:
        """The outcomes of jobs that failed."""
        return [outcome for outcome in self.outcomes if outcome.status == "failed"]

    def __str__(self) -> str:
        """``12 clips rendered (288 frames in 40.1 s), 3 kept, 1 failed``."""
        counts = Counter(outcome.status for outcome in self.outcomes)
        frames = sum(o.frames for o in self.outcomes if o.status == "rendered")
        said = f"{counts['rendered']} clips rendered ({frames} frames in {self.seconds:.1f} s)"
        for status in ("kept", "failed"):
            said += f", {counts[status]} {status}" if counts[status] else ""
        return said + (f", {self.left} not begun" if self.left else "")


def run_batch(
    batch: Batch, setup: Setup, engine: Engine, on_outcome: OnOutcome | None = None
) -> Summary:
    """Render what is not there yet.

    Args:
        batch: The jobs.
        setup: The model, and under which conditions.
        engine: Renders jobs, and yields an outcome for each.
        on_outcome: Told of each, those that are kept first.

    Raises:
        InputError: Two jobs have one place, or the model cannot be loaded.
        OutputError: Clips that were made otherwise are there; names the first and its difference.
    """
    started = time.monotonic()
    check_places(batch.jobs)
    batch.out.mkdir(parents=True, exist_ok=True)
    sweep(batch.out, deep=True)
    claim_conditions(batch.out, setup.conditions, batch.about, force=setup.force)
    kept, missing = _compare(batch, setup)
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if on_outcome is not None:
            on_outcome(outcome)

    for outcome in kept:
        tell(outcome)
    if missing:
        with contextlib.closing(engine(missing, setup)) as rendered:
            for outcome in rendered:
                tell(outcome)
                if outcome.ends_all:
                    break
    return Summary(
        outcomes=tuple(outcomes),
        seconds=time.monotonic() - started,
        left=len(kept) + len(missing) - len(outcomes),
    )


def check_places(jobs: Sequence[Job]) -> None:
    """Refuse jobs that would write over each other.

    Raises:
        InputError: Two have one place, or one lies in another one's folder.
    """
    places: dict[Path, Job] = {}
    for job in jobs:
        for path in (job.out, job.record):
            if path in places:
                raise InputError(f"{job.name} and {places[path].name} have one place, {path}")
            places[path] = job
    for job in jobs:
        for parent in job.out.parents:
            if parent in places:
                raise InputError(f"{job.name} lies in the folder of {places[parent].name}")


def _compare(batch: Batch, setup: Setup) -> tuple[list[Outcome], list[Job]]:
    """Part what is done from what is missing, and refuse what was made otherwise."""
    kept: list[Outcome] = []
    missing: list[Job] = []
    reasons: list[str] = []
    for job in batch.shard.of(by_reference(batch.jobs)):
        settings = settings_of_job(job, size=batch.own_size, noted=batch.noted)
        try:
            found = look_for(job, setup.conditions, settings)
        except InputError as error:  # rendering says it again, beside the other jobs
            _log.debug("%s: %s", job.name, error)
            missing.append(job)
            continue
        if found.state == "whole":
            _remove_stale_lock(job)
            kept.append(Outcome(name=job.name, status="kept", frames=found.frames))
        else:
            missing.append(job)
            reasons += [found.reason] if found.state == "other" else []
    if reasons and not setup.force:
        more = f" (and {len(reasons) - 1} other clips)" if len(reasons) > 1 else ""
        raise OutputError(f"{reasons[0]}{more}; name another folder, or set force to replace them")
    return kept, missing


def _remove_stale_lock(job: Job) -> None:
    """Remove what a process leaves that is killed when its clip is whole; one at work keeps it."""
    if job.lock.exists():
        with contextlib.suppress(OutputError), lock_file(job.lock, of=job.out):
            pass
