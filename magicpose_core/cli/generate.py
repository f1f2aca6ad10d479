"""``magicpose generate``: one picture and a sequence of poses to a clip."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .. import __version__
from ..errors import InputError, OutputError
from ..files import write_text
from .options import add_model_options, load, model_files, parse_size, placement

if TYPE_CHECKING:
    from torch import Tensor
    from tqdm import tqdm

    from ..models.pose_hints import PoseMaps
    from ..pipeline import SamplingConfig
    from ..video.reader import Clip
    from ..weights.loading import MagicPoseModels

_DEFAULT_FPS = Fraction(8)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "generate",
        help="render the person of a picture in a sequence of poses",
        description="Render the person of a picture in a sequence of poses. Beside OUT lie a "
        "contact sheet (reference | pose | result, .sheet.png) and all settings (.json).",
    )
    parser.add_argument(
        "--image",
        required=True,
        nargs="+",
        type=Path,
        help="picture of the person; what several show is joined",
    )
    parser.add_argument(
        "--poses", required=True, type=Path, help="folder of pose maps, one map, or a video of maps"
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="NAME.mp4, or a new folder for PNG frames"
    )
    parser.add_argument("--force", action="store_true", help="replace an MP4 that is there")
    add_model_options(parser)
    _add_clip_options(parser.add_argument_group("clip"))
    _add_sampling_options(parser.add_argument_group("sampling (defaults: the paper's)"))
    parser.set_defaults(run=run)


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
    group.add_argument("--frames", type=int, help="at most so many frames (default: all)")
    group.add_argument("--stride", type=int, default=1, help="take every n-th pose (default: 1)")
    group.add_argument(
        "--fps", type=float, help="frames a second (default: those of the poses, else 8)"
    )


def _add_sampling_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--steps", type=int, default=50, help="default: 50")
    group.add_argument("--guidance", type=float, default=7.0, help="1 turns it off (default: 7)")
    group.add_argument(
        "--control-mode",
        choices=("controlnet_important", "balance"),
        default="controlnet_important",
        help="what guidance leads away from: the model without appearance and pose (default), or "
        "with both and another text (balance)",
    )
    group.add_argument(
        "--scheduler",
        choices=("ddim", "dpm++2m", "dpm++2m_karras", "unipc", "euler", "euler_ancestral", "lcm"),
        default="ddim",
        help="ddim steps exactly as the authors do (default)",
    )
    group.add_argument("--eta", type=float, default=0.0, help="fresh noise of ddim, 0..1 (0)")
    group.add_argument("--seed", type=int, default=42, help="default: 42")
    group.add_argument(
        "--noise-per-frame", action="store_true", help="one noise a frame instead of one for all"
    )
    group.add_argument(
        "--reference-mean", action="store_true", help="the VAE's mean instead of a sample"
    )
    group.add_argument(
        "--noisy-reference",
        action="store_true",
        help="add the timestep's noise to the reference (models trained without wonoise)",
    )
    group.add_argument(
        "--frames-per-batch", type=int, help="frames at a time (default: what memory allows)"
    )
    group.add_argument("--prompt", default="", help="text; the model was trained without any")
    group.add_argument("--negative", default="", help="text of the other half in balance")
    group.add_argument("--tokenizer", type=Path, help="folder with vocab.json, needed for a text")


def run(arguments: argparse.Namespace) -> int:
    """Render the clip."""
    from tqdm import tqdm

    from ..pipeline import render
    from ..video.reader import open_clip

    started = time.monotonic()
    _check_paths(arguments)
    config = _sampling_config(arguments)
    reference = _read_reference(arguments)
    stop = None if arguments.frames is None else arguments.frames * arguments.stride
    with (
        open_clip(arguments.poses, stop=stop, stride=arguments.stride) as poses,
        _fitted_maps(poses, arguments) as pose_maps,
        tqdm(desc="sampling", unit="step") as bar,
    ):
        models = load(arguments)
        text, negative = _encode_texts(models, arguments)
        frames = render(
            models,
            reference * 2 - 1,
            pose_maps,
            config,
            text=text,
            negative_text=negative,
            on_step=lambda done, total: _advance(bar, done, total),
        )
        fps = Fraction(arguments.fps or (poses.info.fps or _DEFAULT_FPS) / arguments.stride)
        _write_clip(arguments.out, frames, reference, pose_maps, fps)
        seconds = time.monotonic() - started
        _write_settings(arguments, config, frames=len(pose_maps), fps=fps, seconds=seconds)
    tqdm.write(f"{arguments.out}: {len(pose_maps)} frames in {seconds:.1f} s")
    return 0


def _check_paths(arguments: argparse.Namespace) -> None:
    """Refuse before any work what could only fail after it."""
    out: Path = arguments.out
    if out.suffix not in ("", ".mp4"):
        raise InputError(f"--out is NAME.mp4 or a folder for PNG frames, got {out}")
    if out.is_file() and not arguments.force:
        raise OutputError(f"{out} is there already; add --force to replace it")
    if out.is_dir() and any(out.iterdir()):
        raise OutputError(f"{out} is there and not empty; name a new folder")
    if arguments.frames is not None and arguments.frames < 1:
        raise InputError(f"--frames must be at least 1, got {arguments.frames}")
    if (arguments.prompt or arguments.negative) and arguments.tokenizer is None:
        raise InputError("a text needs --tokenizer, the folder with vocab.json and merges.txt")


def _sampling_config(arguments: argparse.Namespace) -> SamplingConfig:
    from ..pipeline import SamplingConfig

    return SamplingConfig(
        steps=arguments.steps,
        guidance_scale=arguments.guidance,
        control_mode=arguments.control_mode,
        scheduler=arguments.scheduler,
        eta=arguments.eta,
        seed=arguments.seed,
        shared_noise=not arguments.noise_per_frame,
        sample_reference=not arguments.reference_mean,
        noisy_reference=arguments.noisy_reference,
        frames_per_batch=arguments.frames_per_batch,
    )


def _read_reference(arguments: argparse.Namespace) -> Tensor:
    """Read the pictures of the person -> (R, 3, H, W) in [0, 1] at the clip's size."""
    import torch

    from ..images import fit_size, read_image

    width, height = parse_size(arguments.size)
    pictures = [read_image(path) for path in arguments.image]
    return torch.cat([fit_size(picture, height, width, arguments.fit) for picture in pictures])


@contextmanager
def _fitted_maps(poses: Clip, arguments: argparse.Namespace) -> Iterator[PoseMaps]:
    """Bring the pose maps to the clip's size, on disk."""
    from ..images import fit_size, from_uint8, to_uint8
    from ..video.spool import spool

    width, height = parse_size(arguments.size)
    fitted = (
        to_uint8(fit_size(from_uint8(frame), height, width, arguments.fit))[0]
        for frame in poses.frames
    )
    with spool(fitted) as maps:
        yield maps


def _encode_texts(
    models: MagicPoseModels, arguments: argparse.Namespace
) -> tuple[Tensor | None, Tensor | None]:
    from ..models.text import tokenize

    def encode(prompt: str) -> Tensor | None:
        if not prompt:
            return None
        ids = tokenize(prompt, arguments.tokenizer, length=models.text.positions)
        return models.text(ids.to(models.vae.device))

    return encode(arguments.prompt), encode(arguments.negative)


def _advance(bar: tqdm[NoReturn], done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)


def _write_clip(
    out: Path, frames: Iterator[Tensor], reference: Tensor, pose_maps: PoseMaps, fps: Fraction
) -> None:
    """Write the frames as they are decoded, and the contact sheet when all are there."""
    from ..images import from_uint8, to_uint8, write_image
    from ..video.frames import ContactSheet
    from ..video.writer import open_mp4, open_png_folder

    sheet = ContactSheet(("reference", "pose", "result"), frame_count=len(pose_maps))
    person = to_uint8(reference)[0]
    with open_mp4(out, fps=fps) if out.suffix else open_png_folder(out) as write:
        for index, frame in enumerate(frames):
            picture = to_uint8(frame.unsqueeze(0))[0]
            write(picture)
            sheet.add(index, person, pose_maps[index], picture)
    write_image(out.with_suffix(".sheet.png"), from_uint8(sheet.picture()))


def _write_settings(
    arguments: argparse.Namespace,
    config: SamplingConfig,
    *,
    frames: int,
    fps: Fraction,
    seconds: float,
) -> None:
    """Write what made the clip, enough to make it again."""
    device, dtype = placement(arguments)
    settings = {
        "magicpose": __version__,
        "image": [str(path) for path in arguments.image],
        "poses": str(arguments.poses),
        "models": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(model_files(arguments)).items()
            if value is not None
        },
        "size": "x".join(map(str, parse_size(arguments.size))),
        "fit": arguments.fit,
        "stride": arguments.stride,
        "prompt": arguments.prompt,
        "negative": arguments.negative,
        "sampling": dataclasses.asdict(config),
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
        "frames": frames,
        "fps": float(fps),
        "seconds": round(seconds, 2),
    }
    write_text(arguments.out.with_suffix(".json"), json.dumps(settings, indent=2) + "\n")
