"""``magicpose dancers``: write synthetic people as frames and pose maps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..data.dancers.settings import DancerDataSettings
from ..errors import OutputError
from ..files import FilePlan
from .options import add_force_option, check_files
from .setting_options import add_settings, read_settings
from .terminal import say


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser of ``magicpose``."""
    parser = subparsers.add_parser(
        "dancers",
        help="write synthetic people in the TikTok layout",
        description="Draw clips of synthetic people with exact OpenPose maps, in the folders "
        "that `magicpose train` reads: train_set, val_set and their pose_map_ twins. The set is "
        "written whole or not at all.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    add_settings(parser, DancerDataSettings)
    add_force_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the data set."""
    from tqdm import tqdm

    from ..data.dancers.export import ClipExport, write_dancer_clips
    from ..data.dancers.person import Split

    settings = read_settings(arguments, DancerDataSettings)
    out: Path = arguments.out
    check_files(FilePlan(places=(out,)))
    if out.is_dir() and any(out.iterdir()) and not arguments.force:
        raise OutputError(
            f"{out} is there and not empty; name a new folder, or add --force to write into it"
        )
    wanted: list[tuple[Split, int]] = [("train", index) for index in range(settings.people)]
    wanted += [("heldout", index) for index in range(settings.heldout)]
    clips = [
        ClipExport(
            index=index,
            split=split,
            count=settings.frames,
            size=settings.size,
            framing=settings.framing,
        )
        for split, index in wanted
    ]
    with tqdm(total=len(clips), unit="person", disable=not sys.stderr.isatty()) as bar:
        write_dancer_clips(out, clips, on_clip=bar.update)
    say(str(out))
    return 0
