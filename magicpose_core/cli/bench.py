"""``magicpose bench``: our denoising step against the authors' schedule, on random weights."""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import FilePlan, paths, write_text
from ..models.sd15 import SIZE_MULTIPLE, ControlNetShape, UNetShape
from .options import add_force_option, check_files

if TYPE_CHECKING:
    from ..evaluation.speed import SpeedComparison
    from ..weights.settings import DtypeName

PRECISIONS: tuple[DtypeName, ...] = ("fp32", "bf16", "fp16")  # the widest first
MODELS = {
    "sd15": ControlNetShape(),
    "micro": ControlNetShape(unet=UNetShape(channels=(32, 64, 64, 64), context=16, heads=4)),
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser of ``magicpose``."""
    parser = subparsers.add_parser(
        "bench",
        help="measure the denoising step against the authors' schedule",
        description="Time one denoising step of a clip against the same networks scheduled and "
        "attended as the authors' scripts do, count both, and compare with the machine's matrix "
        "product. Random weights; the full-size networks take 9 GB in fp32.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--model", choices=MODELS, default="sd15", help="size of the networks")
    parser.add_argument("--size", type=int, default=512, help="side of the pictures in pixels")
    parser.add_argument("--frames", type=int, default=8, help="frames of the clip")
    parser.add_argument("--frames-per-batch", type=int, default=4, help="frames ours takes at once")
    parser.add_argument(
        "--repeat", type=int, default=2, help="timed rounds, after one that warms up"
    )
    parser.add_argument(
        "--dtype",
        nargs="+",
        choices=PRECISIONS,
        default=["fp32", "bf16"],
        help="precisions, in turn",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps")
    parser.add_argument(
        "--threads", type=int, help="CPU threads; PyTorch's own choice if not given"
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="wall seconds, or processor seconds per thread (with --threads 1 on a busy machine)",
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    add_force_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and report; the report goes to stdout line by line as it becomes known."""
    import torch

    _check(arguments)
    check_files(FilePlan(files=paths(arguments.json), force=arguments.force))
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    figures: dict[str, object] = {
        "model": arguments.model,
        "size": arguments.size,
        "frames": arguments.frames,
        "frames_per_batch": arguments.frames_per_batch,
        "device": arguments.device,
        "threads": torch.get_num_threads(),
        "clock": arguments.clock,
        "torch": torch.__version__,
    }
    _say(", ".join(f"{name} {value}" for name, value in figures.items()))
    if arguments.device == "cpu":
        figures["precision"] = _report_precision()
    their_gflop, our_gflop = _report_counts(arguments, figures)
    comparisons = {}
    for name, comparison in _comparisons(arguments):
        comparisons[name] = comparison
        figures[name] = dataclasses.asdict(comparison)
        _report_speed(name, comparison, their_gflop, our_gflop)
    if {"fp32", "bf16"} <= comparisons.keys():
        across = statistics.median(comparisons["fp32"].theirs) / statistics.median(
            comparisons["bf16"].ours
        )
        figures["times_faster_bf16_against_fp32"] = across
        _say(f"ours in bf16 is {across:.2f} times faster than theirs in fp32")
    if arguments.json is not None:
        write_text(arguments.json, json.dumps(figures, indent=1))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if arguments.size < SIZE_MULTIPLE or arguments.size % SIZE_MULTIPLE:
        raise InputError(f"--size must be a multiple of {SIZE_MULTIPLE}, got {arguments.size}")
    for name in ("frames", "frames_per_batch", "repeat"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} must be at least 1")


def _report_precision() -> str:
    """Say which precision is taken where nobody names one."""
    import torch

    from ..models.device import dtype_reason

    reason = dtype_reason(torch.device("cpu"))
    _say(f"where none is named: {reason}")
    return reason


def _report_counts(
    arguments: argparse.Namespace, figures: dict[str, object]
) -> tuple[float, float]:
    from ..evaluation import flops

    shape = MODELS[arguments.model]
    theirs = flops.count_authors_passes(shape, arguments.size)
    ours = flops.count_our_frame_step(
        shape,
        arguments.size,
        frames=arguments.frames,
        frames_per_batch=arguments.frames_per_batch,
    )
    measured = flops.MEASURED_ON_AUTHORS_CODE.get(arguments.size)
    _say("GFLOP per pass, the authors' schedule:")
    for name, counted in dataclasses.asdict(theirs).items():
        note = ""
        if measured is not None and arguments.model == "sd15":
            on_theirs = getattr(measured, name)
            note = f"  (their code: {on_theirs:.1f}, {counted / on_theirs - 1:+.2%})"
        _say(f"  {name:<14}{counted:9.3f}{note}")
    _say(f"GFLOP per frame and step: theirs {theirs.frame_step:.3f}, ours {ours:.3f}")
    _say(f"ours counts {ours / theirs.frame_step:.2%} of theirs, the appearance pass included")
    figures["gflop"] = {**dataclasses.asdict(theirs), "theirs": theirs.frame_step, "ours": ours}
    return theirs.frame_step, ours


def _comparisons(arguments: argparse.Namespace) -> Iterator[tuple[str, SpeedComparison]]:
    from tqdm import tqdm

    from ..evaluation.random_clip import random_clip, random_denoiser
    from ..evaluation.speed import compare_speed
    from ..models.device import choose_device
    from ..sampling.windows import FrameWindows
    from ..weights.convert import DTYPES

    shape, device = MODELS[arguments.model], choose_device(arguments.device)
    denoiser = random_denoiser(shape, device)
    clip = random_clip(shape, frames=arguments.frames, size=arguments.size).to(device)
    total = len(arguments.dtype) * (arguments.repeat + 1)
    with tqdm(total=total, unit="round", disable=None, leave=False) as bar:
        # From the widest down, so that no weights have been rounded before their turn.
        for name in (name for name in PRECISIONS if name in arguments.dtype):
            yield (
                name,
                compare_speed(
                    denoiser.to(DTYPES[name]),
                    clip.to(DTYPES[name]),
                    windows=FrameWindows(arguments.frames_per_batch),
                    rounds=arguments.repeat,
                    clock=arguments.clock,
                    on_round=bar.update,
                ),
            )


def _report_speed(
    name: str, comparison: SpeedComparison, their_gflop: float, our_gflop: float
) -> None:
    theirs, ours = statistics.median(comparison.theirs), statistics.median(comparison.ours)
    _say(
        f"{name}: theirs {theirs:.3f} s per frame and step, ours {ours:.3f} s: "
        f"{comparison.times_faster:.2f} times faster; the noise differs by "
        f"{comparison.difference:.1e}"
    )
    _say(
        f"{name}: a matrix product reaches {comparison.peak:.0f} GFLOP/s, theirs "
        f"{their_gflop / theirs / comparison.peak:.0%} of it, ours "
        f"{our_gflop / ours / comparison.peak:.0%}"
    )


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stdout)
