"""The contact sheet shows the chosen frames in their cells; strips keep one size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.video.frames import ContactSheet, evenly_spaced, side_by_side

RED, BLUE = (250, 0, 0), (0, 0, 250)


def plain(colour: tuple[int, int, int], height: int = 64, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_evenly_spaced_takes_first_and_last() -> None:
    assert evenly_spaced(9, 5) == (0, 2, 4, 6, 8)
    assert evenly_spaced(3, 5) == (0, 1, 2)
    assert evenly_spaced(1, 4) == (0,)
    assert evenly_spaced(7, 1) == (0,)


@settings(derandomize=True, deadline=None)
@given(count=st.integers(1, 500), wanted=st.integers(2, 20))
def test_evenly_spaced_covers_the_clip(count: int, wanted: int) -> None:
    chosen = evenly_spaced(count, wanted)
    assert len(chosen) == min(count, wanted)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    gaps = np.diff(chosen)
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


def coloured_fraction(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((picture == colour).all(-1).mean())


def test_sheet_fills_only_the_rows_of_chosen_frames() -> None:
    sheet = ContactSheet(("pose", "result"), frame_count=10, rows=2, cell=(64, 64))
    assert sheet.frame_indices == (0, 9)
    empty = sheet.picture()
    for frame_index in range(1, 9):
        sheet.add(frame_index, plain(RED), plain(BLUE))
    np.testing.assert_array_equal(sheet.picture(), empty)
    sheet.add(9, plain(RED), plain(BLUE))
    filled = sheet.picture()
    area = filled.shape[0] * filled.shape[1]
    assert coloured_fraction(filled, RED) * area == 64 * 64
    assert coloured_fraction(filled, BLUE) * area == 64 * 64
    rows, columns = np.nonzero((filled == RED).all(-1))
    assert rows.min() > filled.shape[0] // 2, "frame 9 is the second row"
    assert columns.max() < np.nonzero((filled == BLUE).all(-1))[1].min(), "pose is left of result"


def test_sheet_keeps_the_aspect_and_leaves_pictures_alone() -> None:
    picture = plain(RED, 32, 64)
    sheet = ContactSheet(("result",), frame_count=1, cell=(64, 64))
    sheet.add(0, picture)
    rows, columns = np.nonzero((sheet.picture() == RED).all(-1))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (32, 64)
    np.testing.assert_array_equal(picture, plain(RED, 32, 64))


def test_sheet_is_labelled() -> None:
    def header(label: str) -> np.ndarray:
        return ContactSheet((label,), frame_count=1).picture()

    assert header("pose").max() > 200
    assert not np.array_equal(header("pose"), header("result"))


def test_strip_brings_all_to_the_first_height() -> None:
    strip = side_by_side(
        [plain(RED, 64, 64), plain(BLUE, 32, 48), plain(RED, 128, 64)], ["a", "b", "c"]
    )
    assert strip.shape[1] == 64 + 96 + 32 + 2 * 4
    assert strip.shape[0] > 64
    assert coloured_fraction(strip[-64:], BLUE) == pytest.approx(96 / strip.shape[1])


def test_wrong_counts_are_named() -> None:
    sheet = ContactSheet(("pose", "result"), frame_count=1)
    with pytest.raises(InputError, match="columns pose, result, got 1 pictures"):
        sheet.add(0, plain(RED))
    with pytest.raises(InputError, match="got 1 pictures and 2 labels"):
        side_by_side([plain(RED)], ["a", "b"])
    with pytest.raises(InputError, match="a contact sheet needs"):
        ContactSheet(("pose",), frame_count=0)
