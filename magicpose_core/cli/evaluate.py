"""``magicpose evaluate``: figures of results against the truth, or on held-out dancers."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clip_settings import FITS
from ..errors import InputError
from ..evaluation.settings import HeldoutSettings
from ..files import FilePlan, paths
from ..sampling.settings import SamplingSettings
from .options import add_force_option, add_model_options, check_files, load
from .pose_options import add_detector_options, detector
from .setting_options import add_settings, option_names, read_settings, refuse_idle
from .sweep import add_sweep_options, run_sweep
from .terminal import complain, say

if TYPE_CHECKING:
    from ..evaluation.table import Report
    from ..pipeline import MagicPosePipeline
    from ..sampling.settings import CompleteSampling

_SAMPLING = ("preset", "steps", "guidance_scale", "seed")
_OF_FOLDERS = ("truth", "partial", "fit", "weights", "published", "detector")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser of ``magicpose``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on held-out dancers, or results against true frames",
        description="With RESULTS and --truth: compare two folders of pictures of the same names, "
        "a clip in each sub-folder, with the right metrics, with those that papers print "
        "(disco_...), and through time, each beside a copied frame and the truth itself. Without: "
        "render held-out dancers and measure the model beside its ablations.",
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
    parser.add_argument(
        "--fit",
        choices=FITS,
        help="how true frames of another size get to that of the results (default: refuse them)",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="folder of the networks that metrics need, under the names they are known by; "
        "docs/evaluate.md lists them. What is not there is left out by name",
    )
    parser.add_argument(
        "--published",
        type=_rows_of_papers,
        metavar="TOML",
        help="rows of papers to set beside, with sources; tiktok: those of the TikTok test set "
        "that the package holds",
    )
    parser.add_argument(
        "--out", type=Path, help="folder for figures.json and .md; of RESULTS .csv, .tex, .png too"
    )
    add_force_option(parser)
    add_detector_options(parser, default=None)
    add_model_options(parser)
    group = parser.add_argument_group("held-out dancers")
    add_settings(group, HeldoutSettings)
    group = parser.add_argument_group("sampling (defaults: the model's notes, else the paper's)")
    add_settings(group, SamplingSettings, only=_SAMPLING)
    add_sweep_options(parser.add_argument_group("sweep over sampling settings"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table and write it where asked to."""
    if arguments.sweep:
        idle = ["results", *_named(arguments)]
        refuse_idle(arguments, idle, where="beside --sweep", advice="leave it out")
        return run_sweep(arguments)
    refuse_idle(arguments, ("variant", "presets"), where="without --sweep")
    if arguments.results is None:
        refuse_idle(arguments, _named(arguments), where="without RESULTS", advice="name RESULTS")
        return _evaluate_dancers(arguments)
    idle = [*option_names(HeldoutSettings), *_SAMPLING]
    refuse_idle(arguments, idle, where="beside RESULTS", advice="it is of held-out dancers")
    if arguments.truth is None:
        raise InputError(f"{arguments.results} is measured against true frames: add --truth FOLDER")
    return _evaluate_folder(arguments)


def _rows_of_papers(text: str) -> Path:
    from ..evaluation.published import SHIPPED

    return SHIPPED.get(text, Path(text))


def _named(arguments: argparse.Namespace) -> list[str]:
    return [name for name in _OF_FOLDERS if getattr(arguments, name)]


def _evaluate_folder(arguments: argparse.Namespace) -> int:
    from ..evaluation.folder_report import about_batch, measure_folder
    from ..evaluation.folders import match_folders
    from ..evaluation.instruments import open_instruments
    from ..evaluation.published import read_published
    from ..evaluation.table import report_files, to_markdown, write_tables

    if arguments.out is not None:
        reads = paths(arguments.results, arguments.truth, arguments.weights, arguments.published)
        files = tuple(report_files(arguments.out).values())
        check_files(FilePlan(reads=reads, files=files, force=arguments.force))
    published = [] if arguments.published is None else read_published(arguments.published)
    matched = match_folders(arguments.results, arguments.truth, partial=arguments.partial)
    complain(f"magicpose evaluate: {matched}")
    about = about_batch(arguments.results)
    with (
        open_instruments(arguments.weights, detector(arguments)) as instruments,
        _bar("clip") as show,
    ):
        notes = instruments.notes if about is None else (*instruments.notes, about)
        report = measure_folder(
            matched,
            replace(instruments, notes=notes),
            fit=arguments.fit,
            published=published,
            settings=_settings(arguments) | {"matched": str(matched)},
            on_clip=show,
        )
    say(*to_markdown(report).splitlines())
    if arguments.out is not None:
        write_tables(arguments.out, report)
    return 0


def _evaluate_dancers(arguments: argparse.Namespace) -> int:
    from ..evaluation import table
    from ..evaluation.report import markdown_table, report_files, write_report
    from ..sizes import default_size

    settings = read_settings(arguments, HeldoutSettings)
    sampling = read_settings(arguments, SamplingSettings)
    if arguments.out is not None:
        files: tuple[Path, ...] = report_files(arguments.out)
        if settings.clips:
            files += tuple(table.report_files(arguments.out / "clips").values())
        check_files(FilePlan(files=files, force=arguments.force))
    pipeline = load(arguments)
    complete = sampling.complete(pipeline.models.noted_sampling)
    if settings.size is None:
        settings = replace(settings, size=default_size(pipeline.models.note)[0])
    figures = _dancers(pipeline, settings, complete)
    say(*markdown_table(figures).splitlines())
    used = {**_settings(arguments), **asdict(settings), **asdict(complete)}
    report = _clips(pipeline, settings, complete, used) if settings.clips else None
    if arguments.out is not None:
        write_report(arguments.out, figures, used)
        if report is not None:
            table.write_tables(arguments.out / "clips", report)
    return 0


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {key: value for key, value in vars(arguments).items() if key != "run"}


def _dancers(
    pipeline: MagicPosePipeline, settings: HeldoutSettings, sampling: CompleteSampling
) -> dict[str, dict[str, float]]:
    from ..evaluation.ablations import MODEL, RENDERERS
    from ..evaluation.heldout_dancers import evaluate_dancers

    assert settings.size is not None
    with _bar("person") as show:
        return evaluate_dancers(
            pipeline,
            sampling,
            people=range(settings.first, settings.first + settings.people),
            framing=settings.framing,
            size=settings.size,
            names=(MODEL,) if settings.model_only else tuple(RENDERERS),
            on_case=show,
        )


def _clips(
    pipeline: MagicPosePipeline,
    settings: HeldoutSettings,
    sampling: CompleteSampling,
    used: dict[str, Any],
) -> Report:
    """Render clips of the first people, and measure them through time."""
    from ..evaluation.folder_report import Instruments, measure_clips
    from ..evaluation.heldout_clips import heldout_clips
    from ..evaluation.table import to_markdown

    assert settings.size is not None
    people = range(settings.first, settings.first + settings.clips)
    rendered = []
    with _bar("clip") as show:
        for clip in heldout_clips(
            pipeline, sampling, people=people, size=settings.size, framing=settings.framing
        ):
            rendered.append(clip)
            show(len(rendered), len(people))
    report = measure_clips(rendered, Instruments(), settings=used)
    say("", *to_markdown(report).splitlines())
    return report


@contextlib.contextmanager
def _bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar of things done, of things in all."""
    from tqdm import tqdm

    with tqdm(unit=unit, disable=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
