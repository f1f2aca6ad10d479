"""The sound of a dance video, carried over to the clip that is made from it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .container import expect_decoder, open_container, reason

if TYPE_CHECKING:
    import av

SoundUntil = Callable[[float], None]
"""Writes the sound up to so many seconds from the clip's start."""

_KEPT = ("aac", "mp3", "ac3")  # what an MP4 takes as it is; the rest is encoded as AAC
_BIT_RATE = 192_000


def has_sound(path: Path) -> bool:
    """Say whether a file is a video or a recording with sound; a folder or JSON has none."""
    if not path.is_file():
        return False
    try:
        with open_container(path) as container:
            return bool(container.streams.audio)
    except InputError:
        return False


@contextlib.contextmanager
def open_sound(
    path: Path, output: av.container.OutputContainer, start: float = 0.0
) -> Iterator[SoundUntil]:
    """Add the sound of a file to an MP4 that has no frames yet.

    AAC, MP3 and AC-3 are copied, anything else is encoded as AAC of 192 kbit/s.

    Args:
        path: A video or a recording.
        output: The open MP4.
        start: Where in the file the clip begins, in seconds.

    Yields:
        A function that writes the sound up to a moment; whole packets, 20 to 30 ms each.

    Raises:
        InputError: The file has no sound or cannot be read.
    """
    with open_container(path) as source:
        if not source.streams.audio:
            raise InputError(f"{path} has no sound; name another file, or leave it out")
        stream = source.streams.audio[0]
        expect_decoder(path, stream)
        copied = stream.codec_context.name in _KEPT
        read = _copied if copied else _encoded
        packets = _whole(read(source, stream, output), path)
        if start:
            packets = _from(start, packets)
        waiting: list[av.Packet] = []  # the one that lies behind the moment asked for last

        def write_until(seconds: float) -> None:
            for packet in itertools.chain(waiting, packets):
                waiting[:] = []
                if packet.pts * packet.time_base >= seconds:
                    waiting.append(packet)
                    return
                output.mux(packet)

        yield write_until


def _whole(packets: Iterator[av.Packet], path: Path) -> Iterator[av.Packet]:
    import av

    try:
        yield from packets
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise InputError(
            f"the sound of {path} is damaged ({reason(error)}); save it again, or leave it out"
        ) from error


def _from(start: float, packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """Leave out what lies before a moment, and let the rest begin where the clip does."""
    for packet in packets:
        shift = round(start / packet.time_base)
        if packet.pts + packet.duration <= shift:
            continue
        packet.pts = max(0, packet.pts - shift)
        packet.dts = packet.pts
        yield packet


def _copied(
    source: av.container.InputContainer,
    stream: av.AudioStream,
    output: av.container.OutputContainer,
) -> Iterator[av.Packet]:
    target = output.add_stream_from_template(stream)

    def packets() -> Iterator[av.Packet]:
        for packet in source.demux(stream):
            if packet.pts is not None:  # the last one is empty
                packet.stream = target
                yield packet

    return packets()


def _encoded(
    source: av.container.InputContainer,
    stream: av.AudioStream,
    output: av.container.OutputContainer,
) -> Iterator[av.Packet]:
    import av

    rate = stream.codec_context.sample_rate
    target = output.add_stream("aac", rate=rate, layout="stereo", bit_rate=_BIT_RATE)
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)

    def packets() -> Iterator[av.Packet]:
        for frame in source.decode(stream):
            for piece in resampler.resample(frame):
                yield from target.encode(piece)
        for piece in resampler.resample(None):
            yield from target.encode(piece)
        yield from target.encode(None)

    return packets()
