"""Read frames one at a time from a video, a folder of pictures or a single picture.

Memory holds one frame (and what the decoder keeps), however long the clip is.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..clip_settings import Span
from ..errors import InputError
from ..files import regular_file
from ..picture_files import IMAGE_SUFFIXES, read_pixels
from .container import expect_decoder, open_container, reason

if TYPE_CHECKING:
    import av

Frame = NDArray[np.uint8]
"""One picture: (H, W, 3) uint8 RGB."""


@dataclass(frozen=True, kw_only=True)
class ClipInfo:
    """What is known of a clip before its frames are read.

    Attributes:
        width: Of the upright frames, in pixels.
        height: Of the upright frames, in pixels.
        fps: Frames per second of the file, whatever the stride; None for pictures.
        frame_count: Frames that the span leaves, as the file states it;
            None when it does not say.
    """

    width: int
    height: int
    fps: Fraction | None
    frame_count: int | None


@dataclass(frozen=True, kw_only=True)
class Clip:
    """An open clip: what is known of it, and its frames, which can be read once."""

    info: ClipInfo
    frames: Iterator[Frame]


@contextlib.contextmanager
def open_clip(path: Path, span: Span | None = None) -> Iterator[Clip]:
    """Open a video file, a folder of pictures (in natural order: 2 before 10) or one picture.

    Args:
        path: The file or folder.
        span: Which frames; None gives all.

    Yields:
        The clip; its frames are (H, W, 3) uint8 RGB, turned upright.

    Raises:
        InputError: Nothing readable is there, the clip is damaged (the message names the frame),
            has no frame in the range, or its pictures differ in size. Damage behind the first
            frame is raised while the frames are read.
    """
    path = regular_file(Path(path))
    wanted = (span or Span()).places
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        pictures = list_pictures(path) if path.is_dir() else [path]
        yield _open_pictures(path, pictures, wanted)
        return
    with open_container(path) as container:
        yield _open_stream(path, container, wanted)


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder in natural order (frame2 before frame10).

    Raises:
        InputError: There are none.
    """
    found = [p for p in Path(folder).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
    # Files that macOS leaves beside each picture are named "._picture.png".
    pictures = [p for p in found if not p.name.startswith(".")]
    if not pictures:
        raise InputError(
            f"{folder} holds no pictures; expected files ending in {', '.join(IMAGE_SUFFIXES)}"
        )
    return sorted(pictures, key=natural_order)


def natural_order(path: Path) -> tuple[list[tuple[bool, int, str]], str]:
    """Return the key that sorts files by the numbers in their names (2 before 10)."""
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts], path.name


def _open_pictures(source: Path, pictures: list[Path], wanted: slice) -> Clip:
    chosen = pictures[wanted]
    if not chosen:
        raise InputError(f"{source} has {len(pictures)} pictures, none at {_in_words(wanted)}")
    first = read_pixels(chosen[0])
    height, width = first.shape[:2]

    def frames() -> Iterator[Frame]:
        yield first
        for picture in chosen[1:]:
            frame = read_pixels(picture)
            if frame.shape != first.shape:
                raise InputError(
                    f"{picture} is {frame.shape[1]} x {frame.shape[0]} but {chosen[0].name} is "
                    f"{width} x {height}; bring all pictures of a clip to one size"
                )
            yield frame

    info = ClipInfo(width=width, height=height, fps=None, frame_count=len(chosen))
    return Clip(info=info, frames=frames())


def _open_stream(path: Path, container: av.container.InputContainer, wanted: slice) -> Clip:
    if not container.streams.video:
        raise InputError(f"{path} has no video stream; choose a file with pictures in it")
    stream = container.streams.video[0]
    expect_decoder(path, stream)
    _expect_bounded(path, stream)
    frames = itertools.islice(
        _decode(path, container, stream), wanted.start, wanted.stop, wanted.step
    )
    first = next(frames, None)
    if first is None:
        raise InputError(f"{path} has no frame at {_in_words(wanted)}; ask for earlier ones")
    pictures = _of_one_size(path, itertools.chain([first], frames), wanted)
    upright = next(pictures)
    height, width = upright.shape[:2]
    info = ClipInfo(
        width=width,
        height=height,
        fps=stream.average_rate or stream.guessed_rate,
        frame_count=len(range(stream.frames)[wanted]) or None,
    )
    return Clip(info=info, frames=itertools.chain([upright], pictures))


def _expect_bounded(path: Path, stream: av.video.stream.VideoStream) -> None:
    """Refuse frames of which a decoder would keep more than memory should be taken for."""
    bits = 12 if stream.format is None else stream.format.padded_bits_per_pixel
    if stream.width * stream.height * bits > 8 * _LARGEST_FRAME:
        kind = "" if stream.format is None else f" in {stream.format.name}"
        raise InputError(
            f"{path} has frames of {stream.width} x {stream.height}{kind}; make them smaller: "
            "3840 x 2160 is enough"
        )


def _of_one_size(path: Path, frames: Iterator[av.VideoFrame], wanted: slice) -> Iterator[Frame]:
    import av

    shape: tuple[int, ...] | None = None
    for number, frame in zip(itertools.count(wanted.start, wanted.step), frames):
        try:
            picture = _upright(frame)
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise _damaged(path, number, reason(error)) from error
        if shape not in (None, picture.shape):
            raise InputError(
                f"{path} changes its size at frame {number}, to {picture.shape[1]} x "
                f"{picture.shape[0]}; save it again in one size, or ask for the frames before"
            )
        shape = picture.shape
        yield picture


def _decode(
    path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.VideoFrame]:
    import av

    count, end = 0, None
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise _damaged(path, count, "damaged picture")
            yield frame
            count, end = count + 1, frame.time
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise _damaged(path, count, reason(error)) from error
    stated = _stated_seconds(stream)
    if end is not None and stated is not None and stated - end > _MISSING_SECONDS:
        raise _damaged(path, count, f"{end:.2f} of {stated:.2f} seconds are there")


def _damaged(path: Path, frame: int, what: str) -> InputError:
    return InputError(
        f"{path} is damaged or cut short at frame {frame} ({what}); save it again, "
        f"or ask for the frames before {frame}"
    )


def _stated_seconds(stream: av.video.stream.VideoStream) -> float | None:
    """Return how long the file says its pictures run; Matroska says it in a tag of the stream."""
    if stream.duration is not None and stream.time_base is not None:
        return float((stream.start_time or 0) + stream.duration) * float(stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if tag is None:
        return None
    hours, minutes, seconds = (float(part) for part in tag.groups())
    return hours * 3600 + minutes * 60 + seconds


def _upright(frame: av.VideoFrame) -> Frame:
    # named, since PyAV before 17 leaves BT.709 out where it is to choose by itself
    pixels = frame.to_ndarray(format="rgb24", dst_colorspace="DEFAULT")
    # The display matrix turns counter-clockwise, as rot90 does.
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _in_words(wanted: slice) -> str:
    end = "the end" if wanted.stop is None else wanted.stop
    return f"frames {wanted.start} to {end}, every {wanted.step}"


# Bytes as they are packed; 4K in 4:2:2 of 10 bits fits. An H.264 decoder may keep 24 frames.
_LARGEST_FRAME = 33_200_000
# The last frame starts a frame's time before the end, and slow clips have long frames.
_MISSING_SECONDS = 1.0
