"""Write frames one at a time to an H.264 MP4 or to a folder of PNG pictures, all or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..errors import InputError, MissingDependencyError
from ..files import atomic_folder, atomic_path
from .reader import Frame
from .sound import SoundUntil, open_sound

if TYPE_CHECKING:
    import av

FrameSink = Callable[[Frame], None]
"""Takes the next frame of a clip, (H, W, 3) uint8 RGB."""

CRF_RANGE = range(52)


@contextlib.contextmanager
def open_mp4(
    path: Path,
    *,
    fps: Fraction | float,
    crf: int = 17,
    sound: Path | None = None,
    sound_start: float = 0.0,
) -> Iterator[FrameSink]:
    """Write an H.264 MP4 that plays everywhere: yuv420p, BT.709, index at the front.

    The file takes its name when the block ends; an error or Ctrl-C inside it leaves what was there.
    H.264 in yuv420p wants even sizes: an odd one gets its last row or column twice.

    Args:
        path: Where to write.
        fps: Frames per second.
        crf: Constant rate factor, 0 (nothing lost) to 51 (smallest).
        sound: A video or recording whose sound goes along, cut to the frames; None for silence.
        sound_start: Where in it the first frame lies, in seconds.

    Yields:
        A function that takes the frames in order; all must have the size of the first.

    Raises:
        InputError: A setting is out of range, no frame came, frames differ in size, or the sound
            cannot be read.
        MissingDependencyError: This PyAV has no H.264 encoder.
        OutputError: The disk is full or the folder cannot be written to.
    """
    rate = Fraction(fps).limit_denominator(100_000) if 0 < fps < float("inf") else Fraction(0)
    if not rate or crf not in CRF_RANGE:
        raise InputError(f"an MP4 needs fps above 0 and crf from 0 to 51, got fps {fps}, crf {crf}")
    if path.suffix.lower() != ".mp4":
        raise InputError(f"an MP4 is named something.mp4, got {path.name}; change the ending")
    import av  # loading the ComfyUI pack must not load the FFmpeg libraries

    with (
        atomic_path(path) as temporary,
        # "file:", or a name such as 12:30.mp4 would be taken for an address
        av.open(
            f"file:{temporary}", "w", format="mp4", options={"movflags": "+faststart"}
        ) as container,
    ):
        encoder = _Encoder(path, container, rate, crf)
        silence = contextlib.nullcontext()
        with silence if sound is None else open_sound(sound, container, sound_start) as until:
            encoder.sound_until = until
            yield encoder
            encoder.finish()


class _Encoder:
    """The H.264 stream of one open MP4; a class because the first frame decides its size."""

    def __init__(
        self, path: Path, container: av.container.OutputContainer, rate: Fraction, crf: int
    ) -> None:
        self._path = path
        self._container = container
        self._rate = rate
        self._crf = crf
        self._shape: tuple[int, ...] | None = None
        self._stream: av.VideoStream | None = None
        self._count = 0
        self.sound_until: SoundUntil | None = None

    def __call__(self, frame: Frame) -> None:
        """Encode one (H, W, 3) uint8 frame."""
        import av

        _check_frame(frame, self._shape, self._path)
        if self._stream is None:
            self._shape = frame.shape
            self._stream = self._open_stream(*frame.shape[:2])
        even = np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), "edge")
        picture = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709"
        )
        self._container.mux(self._stream.encode(picture))
        self._count += 1
        if self.sound_until is not None:
            self.sound_until(float(self._count / self._rate))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._stream is None:
            raise InputError(f"no frames came for {self._path}; a clip needs one at least")
        self._container.mux(self._stream.encode())

    def _open_stream(self, height: int, width: int) -> av.VideoStream:
        import av

        try:
            stream = self._container.add_stream("libx264", rate=self._rate)
        except av.codec.codec.UnknownCodecError as error:
            raise MissingDependencyError(
                "this PyAV cannot encode H.264; install the wheel: pip install --force-reinstall av"
            ) from error
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(self._crf)}
        # Untagged pictures are decoded by guesses that differ from player to player.
        stream.codec_context.color_primaries = _BT709
        stream.codec_context.color_trc = _BT709
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU709
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        return stream


_BT709 = 1  # FFmpeg's number for primaries and transfer; PyAV below 16 has no name for it


@contextlib.contextmanager
def open_png_folder(folder: Path, names: Sequence[str] = ()) -> Iterator[FrameSink]:
    """Write frames as 00000.png, 00001.png ... into a new folder that appears when it is complete.

    Args:
        folder: The folder to make; an empty one may stand there.
        names: Stems of the frames' names, one for each; empty numbers them.

    Yields:
        A function that takes the frames in order; all must have the size of the first.

    Raises:
        InputError: No frame came, or frames differ in size.
        OutputError: The folder is there and not empty, the disk is full or cannot be written to.
    """
    shape: tuple[int, ...] | None = None
    count = 0
    with atomic_folder(folder) as temporary:

        def write(frame: Frame) -> None:
            nonlocal shape, count
            _check_frame(frame, shape, folder)
            name = names[count] if names else f"{count:05d}"
            Image.fromarray(frame).save(temporary / f"{name}.png")
            shape, count = frame.shape, count + 1

        yield write
        if not count:
            raise InputError(f"no frames came for {folder}; a clip needs one at least")


def _check_frame(frame: Frame, shape: tuple[int, ...] | None, path: Path) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[-1] != 3:
        raise InputError(
            f"frames of {path} must be (H, W, 3) uint8, got {frame.shape} {frame.dtype}; "
            "use images.to_uint8"
        )
    if shape is not None and frame.shape != shape:
        raise InputError(
            f"all frames of {path} must be {shape[1]} x {shape[0]} as the first, "
            f"got {frame.shape[1]} x {frame.shape[0]}"
        )
