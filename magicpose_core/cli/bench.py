"""``magicpose bench``: our denoising step against the authors' schedule, on random weights."""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.settings import BenchSettings, Model
from ..files import FilePlan, paths, write_text
from ..models.sd15 import ControlNetShape, UNetShape
from .options import add_force_option, check_files
from .setting_options import add_settings, read_settings

if TYPE_CHECKING:
    import torch

    from ..evaluation.speed import SpeedComparison
    from ..weights.settings import DtypeName

PRECISIONS: tuple[DtypeName, ...] = ("fp32", "bf16", "fp16")  # the widest first
_STEPS, _PUBLISHED = 50, 0.12  # frames per second, by an independent measurement
SHAPES: Mapping[Model, ControlNetShape] = {
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
    )
    add_settings(parser, BenchSettings)
    parser.add_argument(
        "--dtype",
        nargs="+",
        choices=PRECISIONS,
        default=["fp32", "bf16"],
        help="precisions, in turn (default: fp32 bf16)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (default: cpu)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    add_force_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and report; the report goes to stdout line by line as it becomes known."""
    import torch

    from ..models.device import choose_device

    settings = read_settings(arguments, BenchSettings)
    check_files(FilePlan(files=paths(arguments.json), force=arguments.force))
    device = choose_device(arguments.device)  # counting takes a while
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    figures: dict[str, object] = {
        "model": settings.model,
        "size": settings.size,
        "frames": settings.frames,
        "frames_per_batch": settings.frames_per_batch,
        "device": arguments.device,
        "threads": torch.get_num_threads(),
        "clock": settings.clock,
        "channels_last": settings.channels_last,
        "compile": settings.compile,
        "torch": torch.__version__,
    }
    _say(", ".join(f"{name} {value}" for name, value in figures.items()))
    if arguments.device == "cpu":
        figures["precision"] = _report_precision()
    their_gflop, our_gflop = _report_counts(settings, figures)
    comparisons = {}
    for name, comparison in _comparisons(arguments, settings, device):
        comparisons[name] = comparison
        figures[name] = dataclasses.asdict(comparison)
        _report_speed(name, comparison, their_gflop, our_gflop)
        if comparison.peak_memory:
            _report_gpu(name, comparison)
    if {"fp32", "bf16"} <= comparisons.keys():
        across = statistics.median(comparisons["fp32"].theirs) / statistics.median(
            comparisons["bf16"].ours
        )
        figures["times_faster_bf16_against_fp32"] = across
        _say(f"ours in bf16 is {across:.2f} times faster than theirs in fp32")
    if arguments.json is not None:
        write_text(arguments.json, json.dumps(figures, indent=1))
    return 0


def _report_precision() -> str:
    """Say which precision is taken where nobody names one."""
    import torch

    from ..models.device import choose_dtype, dtype_reason

    cpu = torch.device("cpu")
    choose_dtype(cpu)  # measures where nothing is remembered
    reason = dtype_reason(cpu)
    _say(f"where none is named: {reason}")
    return reason


def _report_counts(settings: BenchSettings, figures: dict[str, object]) -> tuple[float, float]:
    from ..evaluation import flops

    shape = SHAPES[settings.model]
    theirs = flops.count_authors_passes(shape, settings.size)
    ours = flops.count_our_frame_step(
        shape,
        settings.size,
        frames=settings.frames,
        frames_per_batch=settings.frames_per_batch,
    )
    measured = flops.MEASURED_ON_AUTHORS_CODE.get(settings.size)
    _say("GFLOP per pass, the authors' schedule:")
    for name, counted in dataclasses.asdict(theirs).items():
        note = ""
        if measured is not None and settings.model == "sd15":
            on_theirs = getattr(measured, name)
            note = f"  (their code: {on_theirs:.1f}, {counted / on_theirs - 1:+.2%})"
        _say(f"  {name:<14}{counted:9.3f}{note}")
    _say(f"GFLOP per frame and step: theirs {theirs.frame_step:.3f}, ours {ours:.3f}")
    _say(f"ours counts {ours / theirs.frame_step:.2%} of theirs, the appearance pass included")
    figures["gflop"] = {**dataclasses.asdict(theirs), "theirs": theirs.frame_step, "ours": ours}
    return theirs.frame_step, ours


def _comparisons(
    arguments: argparse.Namespace, settings: BenchSettings, device: torch.device
) -> Iterator[tuple[str, SpeedComparison]]:
    import torch
    from tqdm import tqdm

    from ..evaluation.random_clip import random_clip, random_denoiser
    from ..evaluation.speed import compare_speed
    from ..models.compiled import compile_networks
    from ..sampling.windows import FrameWindows
    from ..weights.convert import DTYPES

    shape = SHAPES[settings.model]
    denoiser = random_denoiser(shape, device)
    if settings.channels_last:
        denoiser = denoiser.to(memory_format=torch.channels_last)
    if settings.compile:
        compile_networks(denoiser)
    clip = random_clip(shape, frames=settings.frames, size=settings.size).to(device)
    total = len(arguments.dtype) * (settings.repeat + 1)
    with tqdm(total=total, unit="round", disable=None, leave=False) as bar:
        # From the widest down, so that no weights have been rounded before their turn.
        for name in (name for name in PRECISIONS if name in arguments.dtype):
            yield (
                name,
                compare_speed(
                    denoiser.to(DTYPES[name]),
                    clip.to(DTYPES[name]),
                    windows=FrameWindows(settings.frames_per_batch),
                    rounds=settings.repeat,
                    clock=settings.clock,
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


def _report_gpu(name: str, comparison: SpeedComparison) -> None:
    ours = statistics.median(comparison.ours)
    _say(
        f"{name}: {1 / (_STEPS * ours):.2f} frames per second at {_STEPS} steps, decoding apart "
        f"(published for MagicPose: {_PUBLISHED}), in {comparison.peak_memory / 1e9:.1f} GB at most"
    )


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stdout)
