"""``magicpose generate``: one picture and a sequence of poses to a clip."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..errors import InputError, OutOfMemoryError, OutputError
from .align_options import add_align_options, align_settings, refuse_idle_alignment
from .clip_output import output_paths, true_frames, write_clip, write_settings
from .options import (
    add_model_options,
    load,
    model_files,
    parse_size,
    positive,
    refuse_to_replace,
)
from .pose_options import (
    add_detector_options,
    add_drawing_options,
    add_person_options,
    detector,
    drawing,
    person,
    say_what_runs,
    smoothing,
)
from .sampling_options import add_sampling_options, sampling_settings
from .terminal import say

if TYPE_CHECKING:
    from torch import Tensor
    from tqdm import tqdm

    from ..models.pose_hints import PoseMaps
    from ..pose.sources import OpenedPoses, PoseOptions
    from ..weights.loading import MagicPoseModels

_DEFAULT_FPS = 8
_THE_IMAGE = Path("-")  # --align without a file: the person in the first picture


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "generate",
        help="render the person of a picture in a sequence of poses",
        description="Render the person of a picture in a sequence of poses. Beside OUT lie a "
        "contact sheet (reference | pose | result, .sheet.png) and all settings (.json).",
    )
    parser.add_argument(
        "--reference",
        "--image",
        required=True,
        nargs="+",
        type=Path,
        help="picture of the person; what several show is joined",
    )
    parser.add_argument(
        "--poses",
        required=True,
        type=Path,
        help="pose maps (folder, picture, video of maps), keypoints (.json, or a folder of them), "
        "or with --detector a video of a person",
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="NAME.mp4, or a new folder for PNG frames"
    )
    parser.add_argument(
        "--truth", type=Path, help="the true frames, where known: one more column of the sheet"
    )
    parser.add_argument("--force", action="store_true", help="replace results that are there")
    add_model_options(parser)
    _add_alignment_options(parser.add_argument_group("alignment (of keypoints)"))
    add_detector_options(parser, default=None)
    add_person_options(parser)
    add_drawing_options(parser)
    _add_clip_options(parser.add_argument_group("clip"))
    add_sampling_options(parser)
    parser.set_defaults(run=run)


def _add_alignment_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--align",
        nargs="?",
        type=Path,
        const=_THE_IMAGE,
        metavar="KEYPOINTS",
        help="give the poses the bones of the person in the picture, found by --detector or read "
        "from KEYPOINTS (.json)",
    )
    add_align_options(group)


def _add_clip_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--size", default="512", help="width x height in pixels, multiples of 64 (default: 512)"
    )
    group.add_argument(
        "--fit",
        choices=("crop", "pad", "stretch"),
        default="crop",
        help="how pictures and maps of another shape get there (default: crop the centre)",
    )
    group.add_argument("--frames", type=positive, help="at most so many frames (default: all)")
    group.add_argument(
        "--stride", type=positive, default=1, help="take every n-th pose (default: 1)"
    )
    group.add_argument(
        "--fps", type=float, help="frames a second (default: those of the poses, else 8)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Render the clip."""
    from tqdm import tqdm

    from ..pose.sources import open_pose_maps
    from ..rendering import render
    from ..weights.loading import gather_parts

    started = time.monotonic()
    _check(arguments)
    config = sampling_settings(arguments)
    gather_parts(model_files(arguments))  # a wrong file is told before people are looked for
    reference = _read_reference(arguments)
    with (
        open_pose_maps(
            arguments.poses,
            detector=detector(arguments),
            options=_pose_options(arguments),
            on_open=say_what_runs,
        ) as poses,
        _fitted_maps(poses, arguments) as pose_maps,
        true_frames(arguments.truth, len(pose_maps), arguments.stride) as truths,
    ):
        models = load(arguments)
        text, negative = _encode_texts(models, arguments)
        fps = Fraction(arguments.fps or poses.fps or _DEFAULT_FPS).limit_denominator(1001)
        with tqdm(desc="sampling", unit="step") as bar, _telling_memory():
            frames = render(
                models,
                reference,
                pose_maps,
                config,
                text=text,
                negative_text=negative,
                on_step=lambda step: _advance(bar, step.done, step.total),
            )
            write_clip(arguments.out, frames, reference, pose_maps, fps, truths)
        seconds = time.monotonic() - started
        write_settings(arguments, frames=len(pose_maps), fps=fps, seconds=seconds)
    say(f"{arguments.out}: {len(pose_maps)} frames in {seconds:.1f} s")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse before any work what could only fail, or lose a file, after it."""
    out: Path = arguments.out
    if out.suffix not in ("", ".mp4") or out.name in ("", ".."):
        raise InputError(f"--out is NAME.mp4 or a folder for PNG frames, got {out}")
    refuse_to_replace(
        output_paths(out),
        inputs=filter(
            None, (*arguments.reference, arguments.poses, arguments.align, arguments.truth)
        ),
        force=arguments.force,
    )
    if out.is_dir() and any(out.iterdir()):
        raise OutputError(f"{out} is there and not empty; name a new folder")
    if arguments.align is None:
        refuse_idle_alignment(arguments)
    if arguments.fps is not None and not 0.01 <= arguments.fps <= 1000:
        raise InputError(f"--fps must be 0.01..1000, got {arguments.fps}")
    if (arguments.prompt or arguments.negative_prompt) and arguments.tokenizer is None:
        raise InputError("a text needs --tokenizer, the folder with vocab.json and merges.txt")


@contextmanager
def _telling_memory() -> Iterator[None]:
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(
            f"out of memory ({str(error).splitlines()[0]}); lower frames_per_batch or --size"
        ) from error


def _read_reference(arguments: argparse.Namespace) -> Tensor:
    """Read the pictures of the person -> (R, 3, H, W) in [0, 1] at the clip's size."""
    import torch

    from ..images import fit_size, read_image

    width, height = parse_size(arguments.size)
    pictures = [read_image(path) for path in arguments.reference]
    return torch.cat([fit_size(picture, height, width, arguments.fit) for picture in pictures])


def _pose_options(arguments: argparse.Namespace) -> PoseOptions:
    """Say what is done to keypoints before they are drawn."""
    from ..pose.detect import Span
    from ..pose.sources import AlignTarget, PoseOptions, read_person

    target = None
    if arguments.align is not None:
        source = arguments.reference[0] if arguments.align == _THE_IMAGE else arguments.align
        reference, size = read_person(source, detector(arguments), on_open=say_what_runs)
        settings = align_settings(arguments)
        target = AlignTarget(person=reference, size=size, settings=settings)
    stop = None if arguments.frames is None else arguments.frames * arguments.stride
    return PoseOptions(
        person=person(arguments),
        smooth=smoothing(arguments),
        align=target,
        style=drawing(arguments),
        span=Span(stop=stop, stride=arguments.stride),
    )


@contextmanager
def _fitted_maps(poses: OpenedPoses, arguments: argparse.Namespace) -> Iterator[PoseMaps]:
    """Bring the pose maps to the clip's size, on disk."""
    from ..images import fit_size, from_uint8, to_uint8
    from ..video.spool import spool

    width, height = parse_size(arguments.size)
    fitted = (
        to_uint8(fit_size(from_uint8(frame), height, width, arguments.fit))[0]
        for frame in poses.maps
    )
    with spool(fitted) as maps:
        yield maps


def _encode_texts(
    models: MagicPoseModels, arguments: argparse.Namespace
) -> tuple[Tensor | None, Tensor | None]:
    from ..models.text import tokenize

    def encode(prompt: str | None) -> Tensor | None:
        if not prompt:
            return None
        ids = tokenize(prompt, arguments.tokenizer, length=models.text.positions)
        return models.text(ids.to(models.vae.device))

    return encode(arguments.prompt), encode(arguments.negative_prompt)


def _advance(bar: tqdm[NoReturn], done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)
