"""``magicpose evaluate``: figures on held-out dancers, or of a folder against the truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..data.dancers.framing import FRAMINGS
from ..errors import InputError
from ..files import FilePlan, paths
from .options import add_force_option, add_model_options, check_files, load, positive
from .terminal import complain, say


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
    group.add_argument("--people", type=positive, default=64, help="how many (64)")
    group.add_argument(
        "--first",
        type=int,
        default=0,
        help="number of the first (0); choices are made on 0 to 63, reports on others",
    )
    group.add_argument(
        "--framing",
        choices=FRAMINGS,
        default="full",
        help="how close the camera is; the shipped model has only seen full length (full)",
    )
    group.add_argument("--size", type=int, default=128, help="side of the pictures in pixels (128)")
    group.add_argument("--steps", type=int, default=20, help="DDIM steps (20)")
    group.add_argument("--guidance-scale", type=float, default=2.0, help="guidance scale (2)")
    group.add_argument("--seed", type=int, default=42, help="of the noise (42)")
    group.add_argument("--model-only", action="store_true", help="leave the ablations out")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table and write it where asked to."""
    from ..evaluation.report import markdown_table, report_files, write_report

    if arguments.first < 0:
        raise InputError(f"--first must be 0 or more, got {arguments.first}")
    if arguments.out is not None:
        reads = paths(arguments.results, arguments.truth)
        files = report_files(arguments.out)
        check_files(FilePlan(reads=reads, files=files, force=arguments.force))
    if arguments.results is not None and arguments.truth is not None:
        figures = _folders(arguments)
    elif arguments.results is not None:
        raise InputError(f"{arguments.results} is measured against true frames: add --truth FOLDER")
    elif arguments.truth is not None or arguments.partial:
        raise InputError("--truth and --partial belong to a folder of results: name it as RESULTS")
    else:
        figures = _dancers(arguments)
    say(*markdown_table(figures).splitlines())
    if arguments.out is not None:
        settings = {key: value for key, value in vars(arguments).items() if key != "run"}
        write_report(arguments.out, figures, settings)
    return 0


def _folders(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    from ..evaluation.folders import evaluate_folders, match_folders

    matched = match_folders(arguments.results, arguments.truth, partial=arguments.partial)
    complain(f"magicpose evaluate: {matched}")
    return {arguments.results.name: evaluate_folders(matched)}


def _dancers(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    from tqdm import tqdm

    from ..evaluation.ablations import MODEL, RENDERERS
    from ..evaluation.heldout_dancers import evaluate_dancers
    from ..sampling.settings import SamplingSettings

    pipeline = load(arguments)
    sampling = SamplingSettings(
        steps=arguments.steps, guidance_scale=arguments.guidance_scale, seed=arguments.seed
    )
    with tqdm(total=arguments.people, unit="person", disable=not sys.stderr.isatty()) as bar:

        def show(done: int, _: int) -> None:
            bar.update(done - bar.n)

        return evaluate_dancers(
            pipeline,
            sampling,
            people=range(arguments.first, arguments.first + arguments.people),
            framing=arguments.framing,
            size=arguments.size,
            names=(MODEL,) if arguments.model_only else tuple(RENDERERS),
            on_case=show,
        )
