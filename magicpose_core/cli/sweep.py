"""``magicpose evaluate --sweep``: how much quality for how much time, and the presets from it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..evaluation.settings import HeldoutSettings
from ..files import FilePlan, paths
from ..sampling.settings import SamplingSettings
from ..settings import settings_of
from .options import check_files, load
from .setting_options import Group, read_settings, refuse_idle
from .terminal import complain, say

if TYPE_CHECKING:
    from ..pipeline import MagicPosePipeline

_WORDS = {int: int, float: float, str: str}


def add_sweep_options(group: Group) -> None:
    """Add the options of a sweep."""
    group.add_argument(
        "--sweep",
        action="store_true",
        help="measure many sampling settings of the model instead: --out gets sweep.md, sweep.json "
        "and the plot sweep.png",
    )
    group.add_argument(
        "--variant",
        action="append",
        metavar="NAME=VALUE,...",
        help="settings to try, such as scheduler=euler,steps=8,guidance_stop=0.5; may be repeated "
        "(default: a grid of 25)",
    )
    group.add_argument(
        "--presets",
        type=Path,
        metavar="FILE",
        help="write the presets chosen from the sweep; the package reads "
        "magicpose_core/sampling/presets.json",
    )


def run_sweep(arguments: argparse.Namespace) -> int:
    """Measure the variants, print the table, and write what is asked for."""
    from ..evaluation import sweep
    from ..sizes import default_size

    idle = ("model_only", "clips", "steps", "preset")
    refuse_idle(arguments, idle, where="beside --sweep", advice="leave it out")
    settings = read_settings(arguments, HeldoutSettings)
    base = SamplingSettings(
        seed=SamplingSettings.seed if arguments.seed is None else arguments.seed,
        guidance_scale=arguments.guidance_scale,
    )
    given = [parse_variant(word) for word in arguments.variant or ()]
    variants = given or sweep.GRID
    files = () if arguments.out is None else sweep.sweep_files(arguments.out)
    files = (*files, *paths(arguments.presets))
    check_files(FilePlan(files=files, force=arguments.force))
    pipeline = load(arguments)
    size = default_size(pipeline.models.note)[0] if settings.size is None else settings.size
    figures = _figures(pipeline, base, variants, settings, size)
    chosen = sweep.choose(figures, variants)
    say(*sweep.table(figures).splitlines())
    for name, values in chosen.items():
        say(f"{name}: {sweep.in_words(values)}")
    for line in sweep.misses(figures, chosen):
        complain(f"magicpose evaluate: {line}")
    if arguments.out is not None:
        used = {**asdict(settings), "size": size, **asdict(base)}
        sweep.write_sweep(arguments.out, figures, used)
    if arguments.presets is not None:
        sweep.write_presets(chosen, arguments.presets)
    return 0


def parse_variant(word: str) -> dict[str, object]:
    """Read ``scheduler=euler,steps=8`` as values of sampling settings.

    Raises:
        InputError: A name is unknown, or a value out of range.
    """
    known, values = settings_of(SamplingSettings), dict[str, object]()
    for pair in word.split(","):
        name, _, text = pair.strip().partition("=")
        kind = known[name].kind if name in known else None
        if kind not in _WORDS:
            raise InputError(
                f"--variant is NAME=VALUE,... of sampling settings such as scheduler, steps and "
                f"guidance_stop; got {pair!r}"
            )
        try:
            values[name] = _WORDS[kind](text)
        except ValueError as error:
            raise InputError(f"{name} of --variant must be a number, got {text!r}") from error
    SamplingSettings(**values)  # type: ignore[arg-type]
    return values


def _figures(
    pipeline: MagicPosePipeline,
    base: SamplingSettings,
    variants: Sequence[Mapping[str, object]],
    settings: HeldoutSettings,
    size: int,
) -> dict[str, dict[str, float]]:
    from tqdm import tqdm

    from ..evaluation.sweep import sweep

    with tqdm(total=settings.people, unit="person", disable=not sys.stderr.isatty()) as bar:

        def show(done: int, _: int) -> None:
            bar.update(done - bar.n)

        return sweep(
            pipeline,
            base,
            variants,
            people=range(settings.first, settings.first + settings.people),
            size=size,
            framing=settings.framing,
            on_case=show,
        )
