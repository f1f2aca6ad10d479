"""Open media files of unknown origin with FFmpeg: files alone, never addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import regular_file

if TYPE_CHECKING:
    import av


@contextlib.contextmanager
def open_container(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a video or a recording.

    Raises:
        InputError: It is absent, no regular file, a list of other files, or nothing that FFmpeg
            reads.
    """
    path = regular_file(Path(path))
    import av  # loading the ComfyUI pack must not load the FFmpeg libraries

    try:
        # "file:", or a name such as 12:30.mp4 or http:/... would be taken for an address; and no
        # playlist may lead anywhere else
        container = av.open(
            f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"}
        )
    except FileNotFoundError as error:
        raise InputError(f"no video, picture or folder at {path}; check the path") from error
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise InputError(
            f"{path} cannot be read as a video or recording ({reason(error)}); it is damaged, cut "
            "short or of another kind: save it again as MP4"
        ) from error
    with container:
        if _LEAD_ELSEWHERE.intersection(container.format.name.split(",")):
            raise InputError(f"{path} is a list of other files; name the video or recording itself")
        yield container


def expect_decoder(path: Path, stream: av.stream.Stream) -> None:
    """Check that FFmpeg knows how a stream is packed.

    Raises:
        InputError: It does not.
    """
    if stream.codec_context is None:
        raise InputError(
            f"{path}: its {stream.type} is packed in a way that FFmpeg does not know here, or "
            "damaged; save it again as MP4"
        )


def reason(error: Exception) -> str:
    """Say in words what FFmpeg says."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


_LEAD_ELSEWHERE = frozenset({"concat", "dash", "hls", "imf", "rtp", "rtsp", "sdp"})
