"""Enlarged faces."""

import numpy as np

from magicpose_core.demo.face_sheet import face_sheet

BOX = (slice(20, 36), slice(40, 52))


def frame(colour: int) -> np.ndarray:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[BOX] = colour
    return picture


def test_the_face_is_in_the_middle_of_its_square_and_enlarged():
    sheet = face_sheet([frame(200)], [frame(100)], [BOX])
    assert sheet.shape == (256, 128, 3)
    for top, colour in ((0, 200), (128, 100)):
        face = sheet[top : top + 128, :, 0] > colour / 2
        rows, columns = np.nonzero(face)
        assert abs(rows.mean() - 63.5) < 1.5
        assert abs(columns.mean() - 63.5) < 1.5
        assert abs(np.ptp(rows) + 1 - 16 * 128 / 24) < 4
        assert abs(np.ptp(columns) + 1 - 12 * 128 / 24) < 4


def test_eight_frames_of_a_long_clip_are_shown_in_order():
    frames = [frame(10 * number) for number in range(1, 25)]
    sheet = face_sheet(frames, frames, [BOX] * 24)
    assert sheet.shape == (256, 8 * 128, 3)
    middles = sheet[64, 64::128, 0].astype(int)
    assert middles.tolist() == [10 * number for number in range(1, 25, 3)]


def test_a_face_at_the_edge_is_no_obstacle():
    box = (slice(0, 8), slice(56, 64))
    assert face_sheet([frame(9)], [frame(9)], [box]).shape == (256, 128, 3)
