"""What a clip is saved as: the frames, a contact sheet and the settings, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .clip_settings import Span
from .errors import InputError
from .files import FilePlan, check_plan, disk_errors_named, open_result, paths
from .video.frames import ContactSheet
from .video.reader import Frame, open_clip
from .video.sound import has_sound
from .video.writer import FrameSink, open_mp4, open_png_folder

_SHEET, _SETTINGS = ".sheet.png", ".json"  # what lies beside the clip
_COLUMNS = ("reference", "pose", "result")


class SavableClip(Protocol):
    """What is asked of a clip that is saved; ``clip.RenderedClip`` is one."""

    @property
    def pose_maps(self) -> NDArray[np.uint8]: ...  # noqa: D102
    @property
    def description(self) -> Mapping[str, Any]: ...  # noqa: D102
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Frame]: ...


@dataclass(frozen=True, kw_only=True)
class ClipOutput:
    """Where and how a clip is saved.

    Attributes:
        out: NAME.mp4, or a folder for PNG frames.
        fps: Frames per second.
        reads: What the clip is made from, never to be replaced.
        truth: The true frames, where known.
        span: Which of the poses are rendered, and so which true frames belong to them.
        sheet: Write NAME.sheet.png beside it.
        settings: Write NAME.json beside it.
        force: Replace results that are there.
        audio: A video or recording whose sound goes into the MP4, cut to the frames.
        audio_start: Where in it the first frame lies, in seconds.
    """

    out: Path
    fps: Fraction
    reads: tuple[Path, ...] = ()
    truth: Path | None = None
    span: Span = field(default_factory=Span)
    sheet: bool = True
    settings: bool = True
    force: bool = False
    audio: Path | None = None
    audio_start: float = 0.0

    @property
    def results(self) -> tuple[Path, ...]:
        """All that is written: the clip, the contact sheet, the settings."""
        beside = {_SHEET: self.sheet, _SETTINGS: self.settings}
        wanted = (suffix for suffix, is_wanted in beside.items() if is_wanted)
        return (self.out, *(self.out.with_suffix(suffix) for suffix in wanted))


def check_output(output: ClipOutput) -> None:
    """Refuse before any work what would lose a file or could only fail after it.

    Raises:
        InputError: ``out`` is neither NAME.mp4 nor a folder, or a result would replace what is
            read or lie among it.
        OutputError: A result is there already and ``force`` is not set, or cannot be written.
    """
    out = output.out
    if out.suffix not in ("", ".mp4") or out.name in ("", ".."):
        raise InputError(f"out is NAME.mp4 or a folder for PNG frames, got {out}")
    if output.audio is not None and not out.suffix:
        raise InputError(f"audio goes into an MP4 and out is the folder {out}; name a NAME.mp4")
    if output.audio is not None and not has_sound(output.audio):
        raise InputError(f"audio {output.audio} is no file with sound; name a video or a WAV")
    check_plan(
        FilePlan(
            reads=paths(output.reads, output.truth, output.audio),
            files=tuple(path for path in output.results if path.suffix),
            folders=tuple(path for path in output.results if not path.suffix),
            force=output.force,
        )
    )


def save_clip(clip: SavableClip, reference: Frame, output: ClipOutput) -> None:
    """Write a clip as it is decoded, see ``RenderedClip.save``."""
    check_output(output)
    started = time.monotonic()
    with (
        disk_errors_named(output.out),
        true_frames(output.truth, len(clip), output.span) as truths,
        open_result(output.results) as staged,
    ):
        place = staged(output.out)
        sink = (
            open_mp4(place, fps=output.fps, sound=output.audio, sound_start=output.audio_start)
            if place.suffix
            else open_png_folder(place)
        )
        contact_sheet = _write_frames(clip, reference, sink, truths)
        if output.sheet:
            Image.fromarray(contact_sheet).save(staged(output.out.with_suffix(_SHEET)))
        if output.settings:
            seconds = round(time.monotonic() - started, 2)
            described = {**clip.description, "fps": float(output.fps), "seconds": seconds}
            text = json.dumps(described, indent=2) + "\n"
            staged(output.out.with_suffix(_SETTINGS)).write_text(text, encoding="utf-8")


@contextlib.contextmanager
def true_frames(path: Path | None, count: int, span: Span) -> Iterator[Iterator[Frame] | None]:
    """Open the true frames of a span, if there are any: one for each of ``count`` poses.

    Raises:
        InputError: There are fewer; what a file does not say is found out while it is read.
    """
    if path is None:
        yield None
        return
    with open_clip(path, span) as truth:
        present = truth.info.frame_count
        if present is not None and present < count:
            raise InputError(
                f"truth {path} holds {present} frames and there are {count} poses; give the true "
                "frame of each pose, or render fewer frames"
            )
        yield _all_present(truth.frames, path)


def _all_present(frames: Iterator[Frame], path: Path) -> Iterator[Frame]:
    yield from frames
    raise InputError(f"truth {path} ends before the poses do; give the true frame of each pose")


def _write_frames(
    clip: SavableClip,
    reference: Frame,
    sink: AbstractContextManager[FrameSink],
    truths: Iterator[Frame] | None,
) -> NDArray[np.uint8]:
    """Write the frames as they are decoded and return the contact sheet."""
    columns = (*_COLUMNS, *(() if truths is None else ("truth",)))
    contact_sheet = ContactSheet(columns, frame_count=len(clip))
    with sink as write:
        for index, frame in enumerate(clip):
            write(frame)
            true = () if truths is None else (next(truths),)
            contact_sheet.add(index, reference, clip.pose_maps[index], frame, *true)
    return contact_sheet.picture()
