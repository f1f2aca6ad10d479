from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from magicpose_core.clip_settings import FITS
from magicpose_core.images import (
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


def test_writing_and_reading_a_png_is_exact(tmp_path):
    image = from_uint8(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    write_image(tmp_path / "new" / "a.png", image)
    assert torch.equal(read_image(tmp_path / "new" / "a.png"), image)
