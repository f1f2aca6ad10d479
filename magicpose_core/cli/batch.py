"""``magicpose batch``: a list of clips, or a whole test set, on one device or many."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, OutputError
from .generate import add_clip_settings
from .options import add_force_option, add_model_options, model_files, positive, use_real_cores
from .setting_options import refuse_idle
from .terminal import complain, printable, say

if TYPE_CHECKING:
    from ..batch.clip_sets import ClipSet
    from ..batch.job import Job, Outcome
    from ..batch.render import Setup
    from ..batch.run import Batch, Engine, OnOutcome, Summary

_READINGS = ("released", "335-340", "disco-list")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "batch",
        help="render a list of clips, or a test set, on one device or many",
        description="Render many clips. The model is loaded once; what is finished is kept, so "
        "the same command goes on where it stopped. A job that fails is listed, and the others go "
        "on. docs/batch.md shows it on a laptop, on eight GPUs, with Slurm and with Ray.",
    )
    parser.add_argument(
        "jobs",
        nargs="?",
        type=Path,
        metavar="JOBS",
        help="JSON lines or .csv: reference, poses, out, and any option below by its name",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the results")
    add_force_option(parser)
    _add_set_options(parser.add_argument_group("clips of a data set, instead of JOBS"))
    _add_engine_options(parser.add_argument_group("where it runs"))
    add_model_options(parser)
    add_clip_settings(parser)
    parser.set_defaults(run=run)


def _add_set_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--tiktok",
        type=Path,
        metavar="DIR",
        help="data set in the TikTok layout: the first frame of each clip is its reference",
    )
    group.add_argument("--split", help="train, val, test, or the name of a set's folder")
    group.add_argument(
        "--reading",
        choices=_READINGS,
        help="what the test set is: released (the folder disco_test_set), 335-340 (its subjects of "
        "these numbers), disco-list (DisCo's ten sequences, named by --ids)",
    )
    group.add_argument("--ids", help="subjects, by name: 00337,00338, or a file with one a line")


def _add_engine_options(group: argparse._ArgumentGroup) -> None:
    engine = group.add_mutually_exclusive_group()
    engine.add_argument("--devices", help="a process on each: cuda:0,cuda:1")
    engine.add_argument(
        "--shard", help="render part 2/8 of the jobs, or auto: as Slurm or torchrun number them"
    )
    engine.add_argument("--ray", metavar="ADDRESS", help="a Ray cluster: auto, or HOST:6379")
    group.add_argument(
        "--threads", type=positive, help="of each process on a CPU (default: all, shared evenly)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Render the clips, and say what came of them."""
    from ..batch.log import add_summary, log_path, open_log
    from ..batch.run import run_batch

    try:
        setup, batch, engine = _prepare(arguments)
        path, all_told = log_path(arguments.out, batch.shard), len(batch.shard.of(batch.jobs))
        head = f"{all_told} of {len(batch.jobs)} clips, {_in_words(setup)}"
        with ExitStack() as opened:
            shown = _bar(opened, all_told)
            logged = opened.enter_context(open_log(path, head))
            summary = run_batch(batch, setup, engine, lambda outcome: _tell(outcome, shown, logged))
        add_summary(path, summary)
    except OutputError as error:
        raise OutputError(str(error).replace("set force", "add --force")) from error
    return _conclude(summary, path)


def _prepare(arguments: argparse.Namespace) -> tuple[Setup, Batch, Engine]:
    from ..batch.fingerprint import Conditions, weight_marks
    from ..batch.render import Setup
    from ..batch.run import Batch
    from ..batch.shards import Shard, read_shard
    from ..sizes import default_size
    from ..weights.loading import open_models

    jobs, about = _jobs(arguments)
    shard = read_shard(arguments.shard, os.environ) if arguments.shard else Shard()
    files = model_files(arguments)
    note = open_models(files).note
    devices, dtype, threads = _machine(arguments)
    conditions = Conditions(
        weights=weight_marks(files),
        dtype=dtype,
        device=devices[0].partition(":")[0],
        threads=threads,
    )
    return (
        Setup(
            files=files,
            tokenizer=arguments.tokenizer,
            conditions=conditions,
            force=arguments.force,
        ),
        Batch(
            jobs=jobs,
            out=arguments.out,
            about=about,
            shard=shard,
            own_size=default_size(note),
            noted={} if note is None else note.sampling(),
        ),
        _engine(arguments, devices),
    )


def _jobs(arguments: argparse.Namespace) -> tuple[list[Job], dict[str, object]]:
    from ..batch import clip_sets
    from .batch_jobs import job_of_options, read_jobs

    if (arguments.jobs is None) == (arguments.tiktok is None):
        raise InputError("name either a list of jobs or --tiktok DIR")
    if arguments.jobs is not None:
        refuse_idle(arguments, ("split", "reading", "ids"), where="without --tiktok")
        return read_jobs(arguments.jobs, arguments), {}
    chosen = _clip_set(arguments)
    return clip_sets.jobs_of(chosen, arguments.out, job_of_options(arguments)), clip_sets.about(
        chosen
    )


def _clip_set(arguments: argparse.Namespace) -> ClipSet:
    from ..batch.clip_sets import ClipSet, read_ids

    if arguments.split is None:
        raise InputError("--tiktok needs --split: train, val, test, or the name of a set's folder")
    ids = read_ids(arguments.ids or "")
    return ClipSet(root=arguments.tiktok, split=arguments.split, reading=arguments.reading, ids=ids)


def _machine(arguments: argparse.Namespace) -> tuple[list[str], str, int | None]:
    """Say the devices, the precision and the threads of each process."""
    import torch

    from ..batch.shards import local_rank
    from ..placement import choose_placement
    from ..weights.convert import DTYPES

    if arguments.devices and arguments.device:
        raise InputError("--device does nothing beside --devices; leave it out")
    named = [name.strip() for name in (arguments.devices or "").split(",") if name.strip()]
    first = named[0] if named else arguments.device
    if arguments.ray and first not in (None, "cpu"):  # the nodes have it, not this process
        place, kind = torch.device(first), DTYPES[arguments.dtype or "bf16"]
    else:
        place, kind = choose_placement(first, arguments.dtype)
    kinds = {name.partition(":")[0] for name in named}
    if len(kinds) > 1:
        raise InputError(
            f"--devices must be of one kind, since others compute other bytes: {kinds}"
        )
    rank = local_rank(os.environ) if arguments.shard == "auto" else None
    if not named and first is None and place.type == "cuda" and rank is not None:
        place = torch.device("cuda", rank)
    threads = None
    if place.type == "cpu":
        use_real_cores()
        threads = arguments.threads or max(1, torch.get_num_threads() // max(1, len(named)))
    else:
        refuse_idle(arguments, ("threads",), where="on a GPU", advice="leave it out")
    dtype = next(name for name, value in DTYPES.items() if value == kind)
    return named or [str(place)], dtype, threads


def _engine(arguments: argparse.Namespace, devices: list[str]) -> Engine:
    from ..batch.processes import run_here, run_on_devices

    if arguments.ray:
        from ..batch.ray_actors import run_on_ray

        return functools.partial(run_on_ray, address=arguments.ray)
    if arguments.devices:
        return functools.partial(run_on_devices, devices=devices)
    return functools.partial(run_here, device=devices[0])


def _in_words(setup: Setup) -> str:
    conditions = setup.conditions
    threads = "" if conditions.threads is None else f", {conditions.threads} threads a process"
    return f"{setup.files.checkpoint.name} in {conditions.dtype} on {conditions.device}{threads}"


def _bar(opened: ExitStack, clips: int) -> OnOutcome:
    from tqdm import tqdm

    bar = opened.enter_context(tqdm(total=clips, unit="clip", disable=not sys.stderr.isatty()))
    counts = {"frames": 0, "failed": 0}

    def show(outcome: Outcome) -> None:
        for warning in outcome.warnings:
            bar.write(printable(f"magicpose: {outcome.name}: {warning}"), file=sys.stderr)
        counts["frames"] += outcome.frames
        counts["failed"] += outcome.status == "failed"
        bar.set_postfix(counts, refresh=False)
        bar.update(1)

    return show


def _tell(outcome: Outcome, shown: OnOutcome, logged: OnOutcome) -> None:
    shown(outcome)
    logged(outcome)


def _conclude(summary: Summary, log: Path) -> int:
    for outcome in summary.failed:
        complain(f"magicpose batch: {outcome.name}: {outcome.error}")
    say(f"{summary}; {log}")
    return 1 if summary.failed or summary.left else 0
