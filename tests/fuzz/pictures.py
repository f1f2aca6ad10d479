"""Damaged picture files: flipped, cut and spliced, under names that promise another format."""

from __future__ import annotations

import functools
import io
import random as random_numbers
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from magicpose_core.images import read_image

from .mutate import mutate
from .outcomes import Case

_WRITTEN = (
    ("PNG", "RGB"),
    ("PNG", "P"),
    ("PNG", "LA"),
    ("PNG", "I;16"),
    ("JPEG", "RGB"),
    ("JPEG", "CMYK"),
    ("WEBP", "RGBA"),
    ("BMP", "RGB"),
    ("TIFF", "RGB"),
    ("TIFF", "F"),
    ("GIF", "P"),
    ("PPM", "RGB"),
)
_SUFFIXES = (".png", ".jpg", ".webp", ".bmp", ".tiff")


def make_case(folder: Path, random: random_numbers.Random) -> Case:
    """Damage a small picture of a random format."""
    format, mode = random.choice(_WRITTEN)
    side = random.randint(1, 40)
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = random.randint(0, 9)
    Image.new(mode, (side, random.randint(1, 40))).save(written, format, exif=exif.tobytes())
    content, done = mutate(written.getvalue(), random)
    return _case(folder, content, f"{format} {mode}, {done}", random.choice(_SUFFIXES))


FOUND = {
    "PostScript named PNG": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        ".png",
    ),
    "DDS named PNG": (b"DDS |\0\0\0" + bytes(120), ".png"),
    "AVIF named JPEG": (b"\0\0\0\x1cftypavif" + bytes(64), ".jpg"),
}


def known_cases() -> Iterator[tuple[str, Callable[[Path], Case]]]:
    """Give every picture that was once badly received."""
    for name, (content, suffix) in FOUND.items():
        yield name, functools.partial(_case, content=content, name=name, suffix=suffix)


def _case(folder: Path, content: bytes, name: str, suffix: str) -> Case:
    path = folder / f"picture{suffix}"
    path.write_bytes(content)
    return Case(name, lambda: read_image(path), naming=path.name)
