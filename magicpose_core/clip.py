"""A rendered clip: sampled when it is first asked for, its frames decoded one at a time."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .clip_files import ClipOutput, save_clip
from .clip_settings import ClipSettings, Span
from .errors import OutOfMemoryError
from .images import to_uint8
from .timing import Stopwatch

if TYPE_CHECKING:
    from .poses import PathLike
    from .video.reader import Frame

Decode: TypeAlias = Callable[[Tensor], Iterator[Tensor]]  # latents -> frames (3, H, W) in [0, 1]


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """What a clip is rendered from.

    Attributes:
        sample: Gives the latents (F, 4, h, w).
        decode: Gives their frames, one at a time.
        reference: (H, W, 3) uint8, the first picture of the person at the clip's size.
        pose_maps: (F, H, W, 3) uint8.
        fps: Frames per second.
        settings: What is asked for, as JSON holds it.
        reads: Files and folders that the clip is made from.
        seconds: Gives what was taken so far, by part of the work.
        stopwatch: Takes the time of ``decoding``.
        span: Which of the poses in them are rendered.
    """

    sample: Callable[[], Tensor]
    decode: Decode
    reference: Frame
    pose_maps: NDArray[np.uint8]
    fps: float
    settings: Mapping[str, Any]
    reads: tuple[Path, ...] = ()
    seconds: Callable[[], Mapping[str, float]] = dict
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    span: Span = field(default_factory=Span)


class RenderedClip:
    """The frames of a clip.

    A class because the clip is sampled at the first use and only then; it keeps the latents
    (64 KB per frame at 512 x 512) and never a frame, so it may be gone through again.

    Attributes:
        fps: Frames per second.
        settings: What the clip is made from and how, as JSON holds it.

    Example:
        >>> for frame in clip:  # (H, W, 3) uint8
        ...     print(frame.shape)
        >>> clip.save("clip.mp4")
    """

    def __init__(self, source: ClipSource) -> None:
        """Take what the clip is rendered from; nothing is computed yet."""
        self.fps = source.fps
        self.settings = source.settings
        self._source = source
        self._latents: Tensor | None = None

    @property
    def width(self) -> int:
        """Of the frames, in pixels."""
        return int(self._source.pose_maps.shape[2])

    @property
    def height(self) -> int:
        """Of the frames, in pixels."""
        return int(self._source.pose_maps.shape[1])

    @property
    def pose_maps(self) -> NDArray[np.uint8]:
        """The maps that the clip follows, (F, H, W, 3) uint8."""
        return self._source.pose_maps

    @property
    def description(self) -> Mapping[str, Any]:
        """What made the clip, enough to make it again, and the seconds of each part so far."""
        return {
            **self.settings,
            "frames": len(self),
            "seconds_by_part": dict(self._source.seconds()),
        }

    def __len__(self) -> int:
        return len(self._source.pose_maps)

    def __iter__(self) -> Iterator[Frame]:
        """Decode the frames one at a time, (H, W, 3) uint8 RGB."""
        for frame in self.tensors():
            yield to_uint8(frame.unsqueeze(0))[0]

    def pictures(self) -> Iterator[Image.Image]:
        """Decode the frames one at a time as PIL images."""
        return map(Image.fromarray, self)

    def tensors(self) -> Iterator[Tensor]:
        """Decode the frames one at a time, (3, H, W) float32 in [0, 1]."""
        latents = self.latents()
        with out_of_memory_named():
            decoded = self._source.decode(latents)
            while True:
                with self._source.stopwatch.part("decoding"):
                    frame = next(decoded, None)
                if frame is None:
                    return
                yield frame

    def latents(self) -> Tensor:
        """Sample the clip, once -> (F, 4, h, w) scaled latents, float32."""
        if self._latents is None:
            with out_of_memory_named():
                self._latents = self._source.sample()
        return self._latents

    def save(
        self,
        out: PathLike,
        *,
        fps: float | None = None,
        truth: PathLike | None = None,
        sheet: bool = True,
        settings: bool = True,
        force: bool = False,
        audio: PathLike | None = None,
    ) -> Path:
        """Write the clip as it is decoded; all of it appears, or nothing.

        Args:
            out: NAME.mp4, or a folder for PNG frames.
            fps: Frames per second; None takes the clip's.
            truth: The true frames, where known: one more column of the sheet.
            sheet: Write a contact sheet beside it (reference, pose, result: NAME.sheet.png).
            settings: Write what made it beside it (NAME.json).
            force: Replace results that are there.
            audio: A video or recording whose sound goes into the MP4, from the first frame on and
                cut to the frames.

        Returns:
            ``out``.

        Raises:
            InputError: ``out`` or ``fps`` cannot be one, ``truth`` has too few frames, or
                ``audio`` has no sound or goes into no MP4; told before the clip is sampled.
            OutputError: A result is there already, or cannot be written.
        """
        span = self._source.span
        output = ClipOutput(
            out=Path(out),
            fps=checked_fps(self.fps if fps is None else fps),
            reads=self._source.reads,
            truth=None if truth is None else Path(truth),
            span=span,
            sheet=sheet,
            settings=settings,
            force=force,
            audio=None if audio is None else Path(audio),
            audio_start=span.start / (span.stride * self.fps),
        )
        save_clip(self, self._source.reference, output)
        return output.out


def checked_fps(fps: float) -> Fraction:
    """Give frames per second as a fraction.

    Raises:
        InputError: They are not in 0.01..1000.
    """
    ClipSettings(fps=fps)
    return Fraction(fps).limit_denominator(1001)


@contextlib.contextmanager
def out_of_memory_named() -> Iterator[None]:
    """Say what to lower where memory does not suffice.

    Raises:
        OutOfMemoryError: The device is out of memory.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(
            f"out of memory ({str(error).splitlines()[0]}); lower frames_per_batch or size"
        ) from error


def as_json(value: object) -> Any:
    """Turn settings into what JSON holds: dataclasses to dicts, paths to text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: as_json(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
