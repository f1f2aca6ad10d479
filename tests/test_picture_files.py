from __future__ import annotations

import logging
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from magicpose_core import picture_files
from magicpose_core.errors import InputError
from magicpose_core.images import read_image
from magicpose_core.picture_files import read_pixels


def test_pictures_are_turned_upright_and_lose_their_transparency(tmp_path):
    picture = Image.new("RGB", (4, 2), (200, 100, 50))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (1, 3, 4, 2)
    Image.new("RGBA", (2, 2), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").sum() == 0


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off"])
def test_what_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.png cannot be read as a picture"):
        read_image(path)


def test_a_truncated_picture_is_named(tmp_path):
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(
        path
    )
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cut\.png cannot be read"):
        read_image(path)


def test_an_absent_picture_is_named(tmp_path):
    with pytest.raises(InputError, match="no picture at"):
        read_image(tmp_path / "absent.png")


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, suffix):
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    path = tmp_path / f"deep{suffix}"
    Image.fromarray(ramp).save(path)
    grey = read_image(path)[0]
    torch.testing.assert_close(grey[0].flatten(), torch.arange(256) / 255)
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])


def test_a_picture_too_big_to_be_true_is_refused(tmp_path, monkeypatch):
    Image.new("1", (100, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"bomb\.png cannot be read .*more than 1000 pixels"):
        read_image(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="no picture at"):
        read_image(tmp_path)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "person.png"),
        (b"DDS |\x00\x00\x00" + bytes(120), "person.png"),
        (b"\x00\x00\x00\x1cftypavif" + bytes(64), "person.jpg"),
        (b"P6 2 2 255 " + bytes(12), "person.png"),
    ],
)
def test_formats_that_nobody_brings_are_not_opened(tmp_path, start, name):
    (tmp_path / name).write_bytes(start)
    with pytest.raises(InputError, match="damaged or of another format; save it as PNG or JPEG"):
        read_pixels(tmp_path / name)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "MPO"])
def test_formats_that_users_bring_are_opened_whatever_their_name(tmp_path, format):
    picture = Image.new("RGB", (16, 8), (250, 10, 20))
    more = {"save_all": True, "append_images": [picture]} if format == "MPO" else {}
    picture.save(tmp_path / "a.img", format, **more)
    pixels = read_pixels(tmp_path / "a.img").astype(int)
    assert pixels.shape == (8, 16, 3)
    assert np.abs(pixels - (250, 10, 20)).max() <= 8


def test_a_picture_starts_no_other_program(tmp_path):
    """PostScript under the name of a PNG, with a Ghostscript of our own in the path."""
    ghost = tmp_path / "bin" / "gs"
    ghost.parent.mkdir()
    ghost.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    ghost.chmod(0o755)
    picture = tmp_path / "person.png"
    picture.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    code = (
        "import sys; from magicpose_core.picture_files import read_pixels\n"
        "from magicpose_core.errors import InputError\n"
        "try: read_pixels(sys.argv[1])\n"
        "except InputError: print('refused')"
    )
    environment = {**os.environ, "PATH": f"{ghost.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-c", code, str(picture)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert run.stdout == "refused\n"
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_kind_of_8_bit_pixels_becomes_rgb(tmp_path, mode):
    colour = Image.new("RGBA", (6, 4), (250, 10, 20, 255))
    picture = colour.convert("RGB").convert(mode) if mode != "PA" else colour.convert("LA")
    suffix = "jpg" if mode in ("CMYK", "YCbCr") else "png"
    picture.save(tmp_path / f"a.{suffix}")
    pixels = read_pixels(tmp_path / f"a.{suffix}")
    assert pixels.shape == (4, 6, 3)
    wanted = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(pixels - wanted).max() <= 8


def test_a_palette_with_transparency_becomes_black_there(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.png", transparency=1)
    assert read_pixels(tmp_path / "a.png").tolist() == [[[255, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_of_an_unknown_range_are_refused(tmp_path, mode):
    values = np.array([[0.5, 100_000]], np.float32 if mode == "F" else np.int32)
    Image.fromarray(values).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match="of an unknown range"):
        read_pixels(tmp_path / "a.tiff")


def test_damaged_exif_data_is_told_and_does_not_matter(tmp_path, caplog):
    exif = b"Exif\x00\x00MM\x00*" + struct.pack(">L", 8) + struct.pack(">H", 900) + b"\xff" * 40
    Image.new("RGB", (4, 2), (200, 100, 50)).save(tmp_path / "a.jpg", exif=exif)
    assert read_pixels(tmp_path / "a.jpg").shape == (2, 4, 3)


def test_of_several_pictures_in_a_file_the_first_is_taken_and_told(tmp_path, caplog):
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[second])
    with caplog.at_level(logging.WARNING, "magicpose"):
        assert read_pixels(tmp_path / "a.tiff")[0, 0].tolist() == [255, 0, 0]
    assert "holds several pictures; the first one is taken" in caplog.text


@pytest.mark.parametrize(
    ("name", "mode", "options", "kind"),
    [
        ("a.webp", "RGB", {"lossless": True}, "WebP"),
        ("a.jpg", "CMYK", {"progressive": True}, "JPEG in CMYK"),
        ("a.tiff", "RGB", {"compression": "jpeg"}, "TIFF with JPEG inside"),
        ("a.tiff", "RGBA", {}, "TIFF of more than 48 bits a pixel"),
    ],
)
def test_what_a_decoder_would_take_too_much_for_is_refused(
    tmp_path, monkeypatch, name, mode, options, kind
):
    path = tmp_path / name
    Image.new(mode, (20, 20)).save(path, **options)
    if "48 bits" in kind:
        path.write_bytes(deep_tiff(20))
    monkeypatch.setitem(picture_files._LARGEST, kind, 400)
    assert read_pixels(path).shape == (20, 20, 3)
    monkeypatch.setitem(picture_files._LARGEST, kind, 399)
    with pytest.raises(InputError, match=rf"it is a {kind} of more than 399 pixels.*save it again"):
        read_pixels(path)


def test_a_huge_picture_is_read_smaller_and_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("magicpose_core.picture_files._SHRUNK_ABOVE", 100)
    Image.new("RGBA", (40, 20), (255, 0, 0, 255)).save(tmp_path / "a.png")
    with caplog.at_level(logging.WARNING, "magicpose"):
        pixels = read_pixels(tmp_path / "a.png")
    assert pixels.shape == (7, 14, 3)
    assert (pixels == (255, 0, 0)).all()
    assert "has 800 pixels and is read at 1/3 of its size" in caplog.text


def black_png(path: Path, side: int, colour_type: int) -> None:
    """Write a PNG whose pixels are all 0, row by row."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))
        )

    row = b"\0" + bytes(side * {0: 1, 2: 3, 6: 4}[colour_type])
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">LLBBBBB", side, side, 8, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def deep_tiff(side: int) -> bytes:
    """Make a TIFF of four channels of 16 bits, all 0, packed as one strip."""
    row, packer = bytes(side * 8), zlib.compressobj(1)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    # tag, kind (3: 16 bits, 4: 32 bits), count, value or place
    sizes = ((256, 4, 1, side), (257, 4, 1, side))
    layout = ((258, 3, 4, 134), (259, 3, 1, 8), (262, 3, 1, 2), (273, 4, 1, 142), (277, 3, 1, 4))
    strip = ((278, 4, 1, side), (279, 4, 1, len(packed)), (338, 3, 1, 2))
    tags = b"".join(struct.pack("<HHII", *tag) for tag in (*sizes, *layout, *strip))
    head = b"II*\0" + struct.pack("<IH", 8, 10) + tags + bytes(4)
    return head + struct.pack("<4H", 16, 16, 16, 16) + packed


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(("side", "colour_type"), [(9400, 6), (13300, 0)])
def test_the_worst_picture_takes_a_gigabyte_at_most(tmp_path, side, colour_type):
    black_png(tmp_path / "bomb.png", side, colour_type)
    code = (
        "import resource, sys; from magicpose_core.images import read_image\n"
        "from magicpose_core.errors import InputError\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rest = peak()\n"
        "try: read_image(sys.argv[1])\n"
        "except InputError: pass\n"
        "print(peak() - rest)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bomb.png")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout) < 1_000_000  # kilobytes
