"""``magicpose generate``: one picture and a sequence of poses to a clip."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..clip_settings import DEFAULT_FPS, ClipSettings, Span
from ..errors import InputError
from .align_options import add_align_options, align_settings, refuse_idle_alignment
from .options import add_model_options, model_files, parse_size, use_real_cores
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
from .progress import step_bar
from .sampling_options import add_sampling_options, sampling_settings
from .setting_options import add_settings, read_settings
from .terminal import complain, say

if TYPE_CHECKING:
    from ..clip_files import ClipOutput
    from ..poses import PoseSettings

_THE_REFERENCE = Path("-")  # --align without a file: the person in the first picture


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
    parser.add_argument(
        "--compile",
        action="store_true",
        default=None,
        help="compile the networks with torch.compile: pays on GPUs, for long clips",
    )
    add_clip_settings(parser)
    parser.set_defaults(run=run)


def add_clip_settings(parser: argparse.ArgumentParser) -> None:
    """Add all options that say how a clip is made."""
    _add_alignment_options(parser.add_argument_group("alignment (of keypoints)"))
    add_detector_options(parser, default=None)
    add_person_options(parser)
    add_drawing_options(parser)
    _add_clip_options(parser.add_argument_group("clip"))
    add_sampling_options(parser)


def _add_alignment_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--align",
        nargs="?",
        type=Path,
        const=_THE_REFERENCE,
        metavar="KEYPOINTS",
        help="give the poses the bones of the person in the picture, found by --detector or read "
        "from KEYPOINTS (.json)",
    )
    add_align_options(group)


def _add_clip_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--size",
        help="width x height in pixels, multiples of 64 (default: the model's note, else 512)",
    )
    add_settings(group, ClipSettings)
    add_settings(group, Span, only=("start", "stride"))
    sound = group.add_mutually_exclusive_group()
    sound.add_argument(
        "--audio",
        type=Path,
        help="file whose sound goes into the MP4, cut to the frames (default: that of a video in "
        "--poses)",
    )
    sound.add_argument("--no-audio", action="store_true", help="write the MP4 without sound")


def run(arguments: argparse.Namespace) -> int:
    """Render the clip."""
    started = time.monotonic()
    from ..clip_files import check_output
    from ..models.device import choose_device
    from ..pictures import read_pictures
    from ..pipeline_loading import load_pipeline
    from ..poses import prepare_poses
    from ..sizes import default_size
    from ..timing import Stopwatch
    from ..weights.loading import open_models

    watch = Stopwatch()
    watch.seconds["imports"] = time.monotonic() - started
    # Mistakes are told before people are looked for, and that is done before models take memory.
    check_output(_output(arguments))
    settings, files = sampling_settings(arguments), model_files(arguments)
    shown = read_settings(arguments, ClipSettings)
    prepared = pose_settings(arguments)
    check_prompts(arguments)
    use_real_cores()
    device = choose_device(arguments.device)
    with watch.part("opening"):
        opened = open_models(files)
    note = opened.note
    size = default_size(note) if arguments.size is None else parse_size(arguments.size)
    if note is not None:
        complain(f"magicpose: {files.checkpoint.name} is for {note}")
    read_pictures(arguments.reference, "reference")
    with watch.part("poses"):
        poses = prepare_poses(
            arguments.poses,
            prepared,
            size=size,
            fit=shown.fit,
            reference=arguments.reference,
            on_open=say_what_runs,
        )
    pipeline = load_pipeline(
        opened,
        tokenizer=arguments.tokenizer,
        device=device,
        dtype=arguments.dtype,
        stopwatch=watch,
    )
    if arguments.compile:
        pipeline.compile()
    with step_bar() as on_step:
        clip = pipeline.render(
            arguments.reference,
            poses,
            prompt=arguments.prompt or "",
            negative_prompt=arguments.negative_prompt or "",
            size=size,
            fit=shown.fit,
            settings=settings,
            on_step=on_step,
        )
        clip.save(
            arguments.out,
            fps=shown.fps,
            truth=arguments.truth,
            force=arguments.force,
            audio=_audio(arguments, clip.fps),
        )
    say(f"{arguments.out}: {len(clip)} frames in {time.monotonic() - started:.1f} s")
    return 0


def _output(arguments: argparse.Namespace) -> ClipOutput:
    from ..clip import checked_fps
    from ..clip_files import ClipOutput
    from ..files import paths

    align = None if arguments.align == _THE_REFERENCE else arguments.align
    loras = tuple(lora.file for lora in arguments.lora or ())
    weights = (arguments.checkpoint, arguments.appearance_model, arguments.pose_controlnet, *loras)
    weights = (*weights, arguments.motion)
    return ClipOutput(
        out=arguments.out,
        fps=checked_fps(DEFAULT_FPS if arguments.fps is None else arguments.fps),
        reads=paths(arguments.reference, arguments.poses, align, weights, arguments.vae),
        truth=arguments.truth,
        force=arguments.force,
        audio=arguments.audio,
    )


def _audio(arguments: argparse.Namespace, fps: float) -> Path | None:
    """Choose the file whose sound goes along: the one named, or the dance at its own speed."""
    from ..video.sound import has_sound

    if arguments.audio is not None or arguments.no_audio or not arguments.out.suffix:
        return arguments.audio
    if not has_sound(arguments.poses):
        return None
    if arguments.fps is not None and arguments.fps != fps:
        complain(f"the sound of {arguments.poses} is left out: --fps changes the dance's speed")
        return None
    return arguments.poses


def check_prompts(arguments: argparse.Namespace) -> None:
    """Refuse a text that no tokenizer can read."""
    checkpoint: Path | None = arguments.checkpoint
    beside = checkpoint is not None and (checkpoint / "tokenizer").is_dir()
    prompted = arguments.prompt or arguments.negative_prompt
    if prompted and arguments.tokenizer is None and not beside:
        raise InputError("a prompt needs --tokenizer, the folder with vocab.json and merges.txt")


def pose_settings(arguments: argparse.Namespace) -> PoseSettings:
    """Say what is done to poses before they are rendered."""
    from ..poses import PoseSettings

    aligned = arguments.align is not None
    if not aligned:
        refuse_idle_alignment(arguments)
    span = read_settings(arguments, Span)
    frames = read_settings(arguments, ClipSettings).frames
    stop = None if frames is None else span.start + frames * span.stride
    return PoseSettings(
        detector=detector(arguments),
        person=person(arguments),
        smooth=smoothing(arguments),
        align=align_settings(arguments) if aligned else None,
        align_to=None if arguments.align == _THE_REFERENCE else arguments.align,
        style=drawing(arguments),
        span=replace(span, stop=stop),
    )
