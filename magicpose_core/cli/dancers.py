"""``magicpose dancers``: write synthetic people as frames and pose maps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..data.dancers.framing import FRAMINGS
from ..errors import InputError, OutputError
from ..files import FilePlan
from .options import add_force_option, check_files
from .terminal import say


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser of ``magicpose``."""
    parser = subparsers.add_parser(
        "dancers",
        help="write synthetic people in the TikTok layout",
        description="Draw clips of synthetic people with exact OpenPose maps, in the folders "
        "that `magicpose train` reads: train_set, val_set and their pose_map_ twins.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--people", type=int, default=16, help="people to train on")
    parser.add_argument("--heldout", type=int, default=4, help="other people, for validation")
    parser.add_argument("--frames", type=int, default=24, help="frames of each person")
    parser.add_argument("--size", type=int, default=128, help="side of the pictures in pixels")
    parser.add_argument(
        "--framing",
        choices=FRAMINGS,
        default="mixed",
        help="how close the camera is; mixed: each person in one of the others",
    )
    add_force_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the data set."""
    from tqdm import tqdm

    from ..data.dancers.export import ClipExport, write_dancer_clip
    from ..data.dancers.person import Split

    if min(arguments.people, arguments.heldout) < 0 or arguments.frames < 1 or arguments.size < 16:
        raise InputError(
            "--people and --heldout must be 0 or more, --frames 1 or more, --size 16 or more"
        )
    out: Path = arguments.out
    check_files(FilePlan(places=(out,)))
    if out.is_dir() and any(out.iterdir()) and not arguments.force:
        raise OutputError(
            f"{out} is there and not empty; name a new folder, or add --force to write into it"
        )
    wanted: list[tuple[Split, int]] = [("train", index) for index in range(arguments.people)]
    wanted += [("heldout", index) for index in range(arguments.heldout)]
    for split, index in tqdm(wanted, unit="person", disable=not sys.stderr.isatty()):
        clip = ClipExport(
            index=index,
            split=split,
            count=arguments.frames,
            size=arguments.size,
            framing=arguments.framing,
        )
        write_dancer_clip(arguments.out, clip)
    say(str(arguments.out))
    return 0
