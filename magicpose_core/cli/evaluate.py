"""``magicpose evaluate``: figures on held-out dancers, or of a folder against the truth."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path

from ..errors import InputError
from ..evaluation.settings import HeldoutSettings
from ..files import FilePlan, paths
from ..sampling.settings import SamplingSettings
from .options import add_force_option, add_model_options, check_files, load
from .setting_options import add_settings, option_names, read_settings, refuse_idle
from .terminal import complain, say

_SAMPLING = ("steps", "guidance_scale", "seed")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser of ``magicpose``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on held-out dancers, or results against true frames",
        description="Render held-out dancers and measure the model beside its ablations and the "
        "copied reference. With RESULTS and --truth: compare two folders of pictures of the same "
        "names, with the right metrics and with those that DisCo publishes.",
    )
    parser.add_argument(
        "results", nargs="?", type=Path, metavar="RESULTS", help="folder of results to measure"
    )
    parser.add_argument("--truth", type=Path, help="folder of the true frames of RESULTS")
    parser.add_argument(
        "--partial",
        action="store_true",
        help="measure the pairs that there are, and list the pictures without a partner",
    )
    parser.add_argument("--out", type=Path, help="folder for figures.json and figures.md")
    add_force_option(parser)
    add_model_options(parser)
    group = parser.add_argument_group("held-out dancers")
    add_settings(group, HeldoutSettings)
    group = parser.add_argument_group("sampling (defaults: the model's notes, else the paper's)")
    add_settings(group, SamplingSettings, only=_SAMPLING)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table and write it where asked to."""
    from ..evaluation.report import markdown_table, report_files, write_report

    if arguments.out is not None:
        reads = paths(arguments.results, arguments.truth)
        files = report_files(arguments.out)
        check_files(FilePlan(reads=reads, files=files, force=arguments.force))
    settings = {key: value for key, value in vars(arguments).items() if key != "run"}
    if arguments.results is not None and arguments.truth is not None:
        idle = [*option_names(HeldoutSettings), *_SAMPLING]
        refuse_idle(arguments, idle, where="beside RESULTS", advice="it is of held-out dancers")
        figures = _folders(arguments)
    elif arguments.results is not None:
        raise InputError(f"{arguments.results} is measured against true frames: add --truth FOLDER")
    elif arguments.truth is not None or arguments.partial:
        raise InputError("--truth and --partial belong to a folder of results: name it as RESULTS")
    else:
        figures, used = _dancers(arguments)
        settings |= used
    say(*markdown_table(figures).splitlines())
    if arguments.out is not None:
        write_report(arguments.out, figures, settings)
    return 0


def _folders(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    from ..evaluation.folders import evaluate_folders, match_folders

    matched = match_folders(arguments.results, arguments.truth, partial=arguments.partial)
    complain(f"magicpose evaluate: {matched}")
    return {arguments.results.name: evaluate_folders(matched)}


def _dancers(
    arguments: argparse.Namespace,
) -> tuple[dict[str, dict[str, float]], dict[str, object]]:
    """Measure, and say with which settings in the end."""
    from tqdm import tqdm

    from ..evaluation.ablations import MODEL, RENDERERS
    from ..evaluation.heldout_dancers import evaluate_dancers
    from ..pipeline import default_size

    settings = read_settings(arguments, HeldoutSettings)
    sampling = read_settings(arguments, SamplingSettings)
    pipeline = load(arguments)
    sampling = sampling.complete(pipeline.models.noted_sampling)
    if settings.size is None:
        settings = replace(settings, size=default_size(pipeline.models.note)[0])
    assert settings.size is not None
    with tqdm(total=settings.people, unit="person", disable=not sys.stderr.isatty()) as bar:

        def show(done: int, _: int) -> None:
            bar.update(done - bar.n)

        figures = evaluate_dancers(
            pipeline,
            sampling,
            people=range(settings.first, settings.first + settings.people),
            framing=settings.framing,
            size=settings.size,
            names=(MODEL,) if settings.model_only else tuple(RENDERERS),
            on_case=show,
        )
    return figures, {**asdict(settings), **asdict(sampling)}
