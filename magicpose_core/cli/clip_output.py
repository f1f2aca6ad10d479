"""What ``magicpose generate`` writes: the clip, its contact sheet and its settings."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import InputError
from ..files import write_text
from .options import model_files, placement
from .sampling_options import sampling_settings

if TYPE_CHECKING:
    from torch import Tensor

    from ..models.pose_hints import PoseMaps
    from ..video.reader import Frame

_SHEET, _SETTINGS = ".sheet.png", ".json"  # what lies beside the clip


def output_paths(out: Path) -> tuple[Path, ...]:
    """Name all that is written for a clip: itself, the contact sheet and the settings."""
    return out, out.with_suffix(_SHEET), out.with_suffix(_SETTINGS)


@contextmanager
def true_frames(path: Path | None, count: int, stride: int) -> Iterator[Iterator[Frame] | None]:
    """Open every ``stride``-th true frame, if there are any: one for each of ``count`` poses."""
    from ..video.reader import open_clip

    if path is None:
        yield None
        return
    with open_clip(path, stride=stride) as truth:
        there = truth.info.frame_count
        if there is not None and there < count:
            raise InputError(
                f"--truth {path} holds {there} frames and there are {count} poses; "
                "give the true frame of each pose, or set --frames"
            )
        yield _all_there(truth.frames, path)


def _all_there(frames: Iterator[Frame], path: Path) -> Iterator[Frame]:
    yield from frames
    raise InputError(f"--truth {path} ends before the poses do; give the true frame of each pose")


def write_clip(
    out: Path,
    frames: Iterator[Tensor],
    reference: Tensor,
    pose_maps: PoseMaps,
    fps: Fraction,
    truths: Iterator[Frame] | None,
) -> None:
    """Write the frames as they are decoded, and the contact sheet when all are there.

    Args:
        out: NAME.mp4, or the folder of PNG frames.
        frames: (3, H, W) in [0, 1] each.
        reference: (R, 3, H, W) in [0, 1]; the sheet shows the first.
        pose_maps: One for each frame.
        fps: Frames a second.
        truths: The true frames, where known; one more column of the sheet.
    """
    from ..images import from_uint8, to_uint8, write_image
    from ..video.frames import ContactSheet
    from ..video.writer import open_mp4, open_png_folder

    columns = ("reference", "pose", "result", *(() if truths is None else ("truth",)))
    sheet = ContactSheet(columns, frame_count=len(pose_maps))
    person = to_uint8(reference)[0]
    with open_mp4(out, fps=fps) if out.suffix else open_png_folder(out) as write:
        for index, frame in enumerate(frames):
            picture = to_uint8(frame.unsqueeze(0))[0]
            write(picture)
            true = () if truths is None else (next(truths),)
            sheet.add(index, person, pose_maps[index], picture, *true)
    write_image(out.with_suffix(_SHEET), from_uint8(sheet.picture()))


def write_settings(
    arguments: argparse.Namespace, *, frames: int, fps: Fraction, seconds: float
) -> None:
    """Write what made the clip, enough to make it again: every option, and what was chosen."""
    device, dtype = placement(arguments)
    settings = {
        "magicpose": __version__,
        "options": {
            name: value for name, value in vars(arguments).items() if name not in ("command", "run")
        },
        "sampling": dataclasses.asdict(sampling_settings(arguments).complete()),
        "models": dataclasses.asdict(model_files(arguments)),
        "device": device,
        "dtype": str(dtype).removeprefix("torch."),
        "frames": frames,
        "fps": float(fps),
        "seconds": round(seconds, 2),
    }
    write_text(
        arguments.out.with_suffix(_SETTINGS), json.dumps(settings, indent=2, default=str) + "\n"
    )
