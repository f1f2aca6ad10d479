"""The peak memory of every reader on the worst inputs known: ``python -m tests.fuzz.worst_memory``.

Prints a table of megabytes above the process at rest; exit code 1 where one is above a gigabyte, or
is not received in a clean way.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
from PIL import Image

from magicpose_core.images import read_image
from magicpose_core.pose.formats.pose_files import PoseFormat, read_poses, write_poses
from magicpose_core.pose.keypoints import PoseSequence

from .harness import command_line, try_known
from .keypoints import a_clip
from .outcomes import Case, Limits
from .videos import read_all

_SIDE = 9459  # of the largest square picture that is read
_LIMITS = Limits(seconds=300)
_FRAMES = 10_000


def main() -> int:
    """Try them and print the table."""
    sys.stdout.write("| input | ends with | memory | processor |\n| --- | --- | --- | --- |\n")
    bad = 0
    for name, outcome in try_known(worst_cases(), limits=_LIMITS, together=1):
        bad += not outcome.clean
        told = outcome.kind if outcome.clean else str(outcome)
        sys.stdout.write(
            f"| {name} | {told} | {outcome.peak / 1e6:,.0f} MB | {outcome.seconds:.1f} s |\n"
        )
        sys.stdout.flush()
    return int(bad > 0)


def worst_cases() -> Iterator[tuple[str, Callable[[Path], Case]]]:
    """Give the largest sound inputs and what once took the most."""
    yield "WebP of 50 megapixels", functools.partial(_picture, "RGB", ".webp", {}, 7071)
    in_cmyk = functools.partial(_picture, "CMYK", ".jpg", _WHOLE_SIZE, 8366)
    yield "progressive JPEG in CMYK of 70 megapixels", in_cmyk
    for mode, suffix, options in _PICTURES:
        name = f"picture of 89 megapixels, {mode}{suffix} {' '.join(options)}".strip()
        yield name, functools.partial(_picture, mode, suffix, options, _SIDE)
    yield "picture of 177 megapixels", functools.partial(_picture, "RGB", ".png", {}, 13_300)
    yield "video of 8192 x 8192", functools.partial(_video, "mjpeg", "yuvj420p", (8192, 8192))
    largest = functools.partial(_video, "libx264", "yuv420p", (4704, 4704))
    yield "video of 4704 x 4704, 16 references", largest
    deep = functools.partial(_video, "libx264", "yuv422p10le", (3840, 2160))
    yield "video of 3840 x 2160, 4:2:2 of 10 bits, 16 references", deep
    yield f"keypoints of {_FRAMES:,} frames", _keypoints
    for format in ("coco", "mediapipe"):
        yield f"{format} of {_FRAMES:,} frames", functools.partial(_read_and_written, format)
    yield "keypoints of 20 million numbers", _numbers
    for kind in ("weight_files", "configurations"):
        for name, make_case in importlib.import_module(f".{kind}", __package__).known_cases():
            if not name.startswith("convert"):  # which reads the same
                yield f"{kind}: {name}", make_case


def _picture(mode: str, suffix: str, options: dict[str, int], side: int, folder: Path) -> Case:
    path = folder / f"picture{suffix}"
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    Image.new(mode, (side, side), 1 if mode in ("P", "L", "I;16") else None).save(path, **options)
    Image.MAX_IMAGE_PIXELS = limit
    return Case("", lambda: read_image(path), naming=path.name)


def _video(codec: str, pixels: str, size: tuple[int, int], folder: Path) -> Case:
    path = folder / "clip.mp4"
    refers = codec == "libx264"
    options = {"preset": "ultrafast", "refs": "16"} if refers else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=8, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        for level in range(20 if refers else 2):
            frame = av.VideoFrame(*size, pixels)
            for plane in frame.planes:
                plane.update(bytes([level]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Case("", lambda: read_all(path), naming=path.name)


def _keypoints(folder: Path) -> Case:
    path = folder / "poses.json"
    write_poses(path, _long_clip())
    words = ["align", str(path), "--to", str(path), "--out", str(folder / "aligned.json")]
    return Case("", command_line(words), naming="", command=True)


def _read_and_written(format: PoseFormat, folder: Path) -> Case:
    path = folder / "poses.json"
    write_poses(path, _long_clip(), format)
    again = folder / "again.json"
    return Case("", lambda: write_poses(again, read_poses(path), format), naming=path.name)


def _long_clip() -> PoseSequence:
    clip = a_clip()
    return replace(clip, frames=(clip.frames * _FRAMES)[:_FRAMES])


def _numbers(folder: Path) -> Case:
    path = folder / "poses.json"
    numbers = "1," * 20_000_000
    path.write_text(f'[{{"people": [{{"pose_keypoints_2d": [{numbers}1]}}]}}]', encoding="utf-8")
    return Case("", lambda: read_poses(path, size=(64, 64)), naming=path.name)


# All coefficients are kept until the last scan, and of no channel fewer.
_WHOLE_SIZE = {"progressive": True, "subsampling": 0}
_PICTURES: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("RGB", ".png", {}),
    ("RGBA", ".png", {}),
    ("I;16", ".png", {}),
    ("P", ".png", {}),
    ("RGB", ".jpg", _WHOLE_SIZE),
    ("RGBA", ".tiff", {}),
    ("RGB", ".webp", {}),
)

if __name__ == "__main__":
    sys.exit(main())
