"""Hostile videos and recordings: small ones of every common kind, damaged, and odd sound tracks."""

from __future__ import annotations

import functools
import random as random_numbers
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from magicpose_core.video.reader import open_clip
from magicpose_core.video.sound import has_sound
from magicpose_core.video.writer import open_mp4

from .mutate import mutate
from .outcomes import Case

_PCM_FORMAT = struct.pack("<HHI", 1, 2, 48_000)  # kind, channels, rate: as AVI states them
# suffix -> (video encoder, its pixels, sound encoder or None)
_KINDS: Mapping[str, tuple[str, str, str | None]] = {
    ".mp4": ("libx264", "yuv420p", "aac"),
    ".mov": ("mpeg4", "yuv420p", None),
    ".mkv": ("libx264", "yuv420p", "aac"),
    ".webm": ("libvpx", "yuv420p", "libopus"),
    ".avi": ("mjpeg", "yuvj420p", "pcm_s16le"),
    ".gif": ("gif", "rgb8", None),
    ".ts": ("mpeg2video", "yuv420p", "mp2"),
}


def make_case(folder: Path, random: random_numbers.Random) -> Case:
    """Damage a video of a random kind and choose how it is read."""
    suffix = random.choice(sorted(seeds()))
    content, done = mutate(seeds()[suffix], random)
    shown = suffix if random.random() < 0.8 else random.choice(sorted(seeds()))
    path = folder / f"clip{shown}"
    path.write_bytes(content)
    tried, action = random.choice((("read", read_all), ("listen", listen)))
    return Case(f"{tried} {suffix} {done}", lambda: action(path), naming=path.name)


def read_all(path: Path) -> int:
    """Read every frame."""
    with open_clip(path) as clip:
        return sum(1 for _ in clip.frames)


def listen(path: Path) -> None:
    """Carry the sound over to a clip of two frames."""
    has_sound(path)
    with open_mp4(path.with_name("out.mp4"), fps=4, sound=path) as write:
        for _ in range(2):
            write(np.zeros((16, 16, 3), np.uint8))


def known_cases() -> Iterator[tuple[str, Callable[[Path], Case]]]:
    """Give every file that was once badly received."""
    for name, content in found().items():
        for action in (read_all, listen):
            yield f"{action.__name__} {name}", functools.partial(_known, name, content, action)


def _known(name: str, content: bytes, action: Callable[[Path], object], folder: Path) -> Case:
    (folder / "secret.mp4").write_bytes(seeds()[".mp4"])
    path = folder / "clip.mp4"
    path.write_bytes(content)
    return Case(name, lambda: action(path), naming=path.name)


def found() -> Mapping[str, bytes]:
    """Give what was once badly received."""
    return {
        "empty": b"",
        "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
        "concat": b"ffconcat version 1.0\nfile secret.mp4\n",
        "unknown codec": seeds()[".avi"].replace(b"MJPG", b"QQQQ"),
        "unknown sound": seeds()[".avi"].replace(_PCM_FORMAT, b"\x77\x77" + _PCM_FORMAT[2:]),
    }


@functools.cache
def seeds() -> Mapping[str, bytes]:
    """Sound clips of a few frames, of the kinds that this FFmpeg can write."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            suffix: written
            for suffix in _KINDS
            if (written := _written(Path(folder, f"seed{suffix}"))) is not None
        }


def _written(path: Path) -> bytes | None:
    video, pixels, sound = _KINDS[path.suffix]
    try:
        with av.open(str(path), "w") as container:
            container.metadata["title"] = "a dance"
            _add_video(container, video, pixels, sound)
    except (av.FFmpegError, av.codec.codec.UnknownCodecError, ValueError):
        return None
    return path.read_bytes()


def _add_video(
    container: av.container.OutputContainer, video: str, pixels: str, sound: str | None
) -> None:
    stream = container.add_stream(video, rate=Fraction(8))
    stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
    track = None if sound is None else container.add_stream(sound, rate=48_000)
    generator = np.random.default_rng(0)
    for _ in range(6):
        frame = av.VideoFrame.from_ndarray(generator.integers(0, 255, (48, 64, 3), np.uint8))
        container.mux(stream.encode(frame.reformat(format=pixels)))
    container.mux(stream.encode())
    if track is not None:
        _add_sound(container, track)


def _add_sound(container: av.container.OutputContainer, track: av.AudioStream) -> None:
    resampler = av.AudioResampler(
        format=track.format.name, layout=track.layout.name, rate=48_000, frame_size=960
    )
    quiet = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 24_000), np.int16), layout="stereo")
    quiet.sample_rate = 48_000
    for piece in [*resampler.resample(quiet), *resampler.resample(None)]:
        container.mux(track.encode(piece))
    container.mux(track.encode())
