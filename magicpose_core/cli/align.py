"""``magicpose align``: fit a driver's poses to the person of a picture."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import FilePlan, open_result, paths
from ..pose.draw_style import DrawStyle
from .align_options import add_align_options, align_settings
from .options import add_force_option, check_files
from .pose_options import (
    OF_ALL,
    add_detector_options,
    add_drawing_options,
    add_person_options,
    detector,
    drawing,
    frame_size,
    person,
    say_what_runs,
    smoothing,
)
from .setting_options import option_names, refuse_idle
from .terminal import say

if TYPE_CHECKING:
    from ..pose.keypoints import PoseSequence
    from ..pose.retarget.align import Alignment
    from ..pose.sources import PoseOptions
    from ..video.reader import Frame


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "align",
        help="give a driver's poses the bones of the person in a picture",
        description="Read keypoints, give them the reference person's bone lengths, hands, face "
        "and place, and write them. The factors and how well they fit are printed.",
    )
    parser.add_argument("poses", type=Path, help="keypoints of the driver: .json or a folder")
    parser.add_argument(
        "--to",
        required=True,
        type=Path,
        metavar="REFERENCE",
        help="keypoints (.json) of the reference person, or their picture with --detector",
    )
    parser.add_argument("--out", required=True, type=Path, help="aligned keypoints (.json)")
    parser.add_argument("--maps", type=Path, help="new folder for pose maps as well")
    parser.add_argument(
        "--preview", type=Path, help="picture of the first pose before and after (.png)"
    )
    parser.add_argument("--report", type=Path, help="factors, fit and what was moved, as JSON")
    add_force_option(parser)
    add_align_options(parser.add_argument_group("alignment"))
    parser.add_argument(
        "--frame-size", help="width x height in pixels of keypoints that do not say (CMU's)"
    )
    add_detector_options(parser, default=None)
    add_person_options(parser)
    add_drawing_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Align, write, and print the factors."""
    from ..pose.formats.pose_files import read_poses
    from ..pose.sources import (
        AlignTarget,
        PoseOptions,
        prepare,
        read_person,
        refuse_changed_maps,
        source_kind,
    )

    _check(arguments)
    if arguments.poses.exists() and source_kind(arguments.poses, None) == "maps":
        refuse_changed_maps(str(arguments.poses), [arguments.to])
    if arguments.maps is None and arguments.preview is None:
        drawn = option_names(DrawStyle, leave_out=OF_ALL)
        refuse_idle(arguments, drawn, where="without --maps or --preview")
    size = frame_size(arguments.frame_size)
    chosen = person(arguments)
    if chosen is None:
        raise InputError("one person is aligned: choose them with --person instead of all")
    sequence = read_poses(arguments.poses, size=size)
    reference, picture_size = read_person(
        arguments.to, detector(arguments), size=size, on_open=say_what_runs
    )
    settings = align_settings(arguments)
    target = AlignTarget(person=reference, size=picture_size, settings=settings)
    options = PoseOptions(person=chosen, smooth=smoothing(arguments), align=target)
    _, alignment = prepare(sequence, options)
    assert alignment is not None
    _write(arguments, sequence, alignment, options)
    say(*alignment.report().split("\n"))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse before any work what could only fail, or lose a file, after it."""
    from ..picture_files import IMAGE_SUFFIXES

    path: Path | None = arguments.preview
    if path is not None and path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(
            f"a preview ends in {', '.join(IMAGE_SUFFIXES)}, got {path.name}; change the ending"
        )
    check_files(
        FilePlan(
            reads=paths(arguments.poses, arguments.to),
            searched=tuple(arguments.detector_weights or ()),
            files=paths(arguments.out, path, arguments.report),
            folders=paths(arguments.maps),
            force=arguments.force,
        )
    )


def _write(
    arguments: argparse.Namespace,
    sequence: PoseSequence,
    alignment: Alignment,
    options: PoseOptions,
) -> None:
    """Write all that was asked for, as one result."""
    from PIL import Image

    from ..pose.formats.pose_files import write_poses
    from ..pose.sources import draw_sequence
    from ..video.writer import open_png_folder

    aligned = alignment.sequence
    with open_result(_results(arguments)) as staged:
        write_poses(staged(arguments.out), aligned)
        if arguments.maps is not None:
            with open_png_folder(staged(arguments.maps)) as write:
                for pose_map in draw_sequence(aligned, drawing(arguments)):
                    write(pose_map)
        if arguments.preview is not None:
            drawn = _preview(arguments, sequence, aligned, options)
            Image.fromarray(drawn).save(staged(arguments.preview))
        if arguments.report is not None:
            staged(arguments.report).write_text(_report(alignment), encoding="utf-8")


def _results(arguments: argparse.Namespace) -> tuple[Path, ...]:
    return paths(arguments.out, arguments.maps, arguments.preview, arguments.report)


def _preview(
    arguments: argparse.Namespace,
    sequence: PoseSequence,
    aligned: PoseSequence,
    options: PoseOptions,
) -> Frame:
    """Draw the first pose before and after, over the reference's picture or its pose."""
    from ..images import read_image, to_uint8
    from ..picture_files import IMAGE_SUFFIXES
    from ..pose.draw import draw_poses
    from ..pose.overlay import before_and_after
    from ..pose.sources import prepare

    target = options.align
    assert target is not None
    width, height = target.size
    if arguments.to.suffix.lower() in IMAGE_SUFFIXES:
        picture = to_uint8(read_image(arguments.to))[0]
    else:
        picture = draw_poses([target.person], height, width, drawing(arguments))
    still = replace(target, settings=replace(target.settings, strength=0.0))
    fitted, _ = prepare(sequence, replace(options, align=still))
    first = next(index for index, people in enumerate(aligned.frames) if people)
    return before_and_after(
        picture, fitted.frames[first], aligned.frames[first], drawing(arguments)
    )


def _report(alignment: Alignment) -> str:
    """Return factors, fit and notes as JSON; lengths that nobody saw are null."""
    rows = [asdict(ratio) for ratio in alignment.ratios]
    seen = [{key: None if value != value else value for key, value in row.items()} for row in rows]
    content = {"ratios": seen, "fit": alignment.fit.as_dict(), "notes": alignment.notes}
    return json.dumps(content, indent=1)
