from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from magicpose_core.errors import InputError
from magicpose_core.images import (
    FITS,
    fit_size,
    from_uint8,
    read_image,
    signed_to_unit,
    to_uint8,
    unit_to_signed,
    write_image,
)

sides = st.integers(1, 40)


def test_bytes_survive_the_way_there_and_back():
    pixels = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
    np.testing.assert_array_equal(to_uint8(from_uint8(pixels)), pixels)
    np.testing.assert_array_equal(
        to_uint8(signed_to_unit(unit_to_signed(from_uint8(pixels)))), pixels
    )


def test_values_out_of_range_are_clipped_and_rounded():
    image = (
        torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 0.7 / 255]).reshape(1, 1, 1, 6).expand(1, 3, 1, 6)
    )
    assert to_uint8(image)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255, 1]


@given(rows=sides, columns=sides, height=sides, width=sides, fit=st.sampled_from(FITS))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_every_rule_gives_the_wanted_size_and_keeps_the_range(rows, columns, height, width, fit):
    image = torch.rand(1, 3, rows, columns, generator=torch.Generator().manual_seed(rows))
    fitted = fit_size(image, height, width, fit)
    assert fitted.shape == (1, 3, height, width)
    assert fitted.min() >= -1e-6
    assert fitted.max() <= 1 + 1e-6


def test_crop_takes_the_centre_square_and_pad_keeps_everything():
    wide = torch.zeros(1, 3, 10, 30)
    wide[..., 10:20] = 1
    assert torch.equal(fit_size(wide, 10, 10, "crop"), torch.ones(1, 3, 10, 10))
    padded = fit_size(wide, 30, 30, "pad")
    assert torch.equal(padded[..., 10:20, :], wide)
    assert padded[..., :10, :].sum() == 0
    assert torch.equal(fit_size(wide, 10, 30, "stretch"), wide)


def test_resizing_equals_an_independent_antialiased_one():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    theirs = Image.fromarray(pixels).resize((24, 24), Image.Resampling.BILINEAR)
    ours = to_uint8(fit_size(from_uint8(pixels), 24, 24))[0]
    assert np.abs(ours.astype(int) - np.asarray(theirs)).max() <= 1


def test_pictures_are_turned_upright_and_lose_their_transparency(tmp_path):
    picture = Image.new("RGB", (4, 2), (200, 100, 50))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (1, 3, 4, 2)
    Image.new("RGBA", (2, 2), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").sum() == 0


def test_writing_and_reading_a_png_is_exact(tmp_path):
    image = from_uint8(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    write_image(tmp_path / "new" / "a.png", image)
    assert torch.equal(read_image(tmp_path / "new" / "a.png"), image)


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
    with pytest.raises(InputError, match=r"bomb\.png cannot be read .*10000 pixels"):
        read_image(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="no picture at"):
        read_image(tmp_path)
