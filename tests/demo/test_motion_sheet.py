"""A row of pixels through time, and how calm clips are."""

import numpy as np

from magicpose_core.data.dancers.clips import draw_clip
from magicpose_core.demo.motion_sheet import enlarge, motion_sheet, temporal_figures


def test_a_row_through_time_keeps_its_order_and_is_enlarged():
    row = np.arange(4 * 8 * 3, dtype=np.uint8).reshape(4, 8, 3)
    large = enlarge(row)
    assert large.shape == (384, 16, 3)
    assert np.array_equal(large[::96, ::2], row)
    assert np.array_equal(large[95, 1::2], row[0])


def test_clips_lie_beside_each_other_under_their_names():
    clips = {
        name: np.full((4, 16, 16, 3), colour, np.uint8)
        for name, colour in {"dark": 50, "light": 200}.items()
    }
    sheet = motion_sheet(clips, row=3)
    assert sheet[-1, 0].tolist() == [50] * 3
    assert sheet[-1, -1].tolist() == [200] * 3
    assert sheet.shape[0] > 384


def test_a_trembling_clip_has_flicker_and_misses_the_flow():
    drawn = draw_clip(0, 4, framing="waist")
    truth = np.stack([frame.picture for frame in drawn.frames(64)])
    noise = np.random.default_rng(0).integers(0, 20, truth.shape)
    trembling = (truth * 0.9 + noise).astype(np.uint8)
    figures = temporal_figures({"truth": truth, "trembling": trembling}, truth, drawn)
    assert figures["truth"]["flicker"] == 0
    assert figures["trembling"]["flicker"] > 5
    assert figures["trembling"]["warp_error"] > 2 * figures["truth"]["warp_error"]


def test_two_frames_have_no_temporal_figures():
    drawn = draw_clip(0, 2, framing="waist")
    truth = np.stack([frame.picture for frame in drawn.frames(64)])
    assert temporal_figures({"truth": truth}, truth, drawn) == {"truth": {}}
