"""Pictures beside each other, and what is measured."""

from __future__ import annotations

import importlib.util

import pytest
import torch


@pytest.fixture
def compare(pack):
    def run(result, layout="strips", **given):
        return pack("nodes.compare").Compare.execute(result, layout, 2, **given).args

    return run


CLIP = torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(0))


def test_a_strip_shows_each_frame_beside_the_one_reference(compare):
    strips, metrics = compare(CLIP, reference=CLIP[:1])
    assert strips.shape[0] == 3
    assert strips.shape[2] >= 2 * 64
    assert metrics == ""
    for strip, frame in zip(strips, CLIP, strict=True):
        assert (strip[-64:, :64] - CLIP[0]).abs().max() < 1 / 128
        assert (strip[-64:, -64:] - frame).abs().max() < 1 / 128


def test_a_sheet_is_one_picture(compare):
    sheet, _ = compare(CLIP, "sheet", truth=CLIP)
    assert sheet.shape[0] == 1


def test_equal_frames_are_measured_as_equal(compare):
    _, metrics = compare(CLIP, truth=CLIP)
    if importlib.util.find_spec("torchmetrics") is None:
        assert "torchmetrics" in metrics
    else:
        assert metrics.startswith("PSNR inf dB, SSIM 1.0000, between frames: PSNR inf dB")


def test_a_result_that_trembles_where_the_truth_stands_still_is_told(compare):
    pytest.importorskip("torchmetrics")
    still = CLIP[:1].expand(3, -1, -1, -1) * 0.8
    trembling = still.clone()
    trembling[1] += 10 / 255
    _, metrics = compare(trembling, truth=still)
    assert metrics.endswith(f"warping error {(10 / 255) ** 2:.2e}, flicker 20.00")
    assert "frames" not in compare(trembling[:2], truth=still[:2])[1]


def test_metrics_are_shown_on_the_node(compare, notices):
    _, metrics = compare(CLIP, truth=CLIP)
    assert notices == [("7", metrics)]


def test_another_number_of_frames_is_named(compare):
    with pytest.raises(ValueError, match="pose has 2 pictures, the result 3 frames"):
        compare(CLIP, pose_maps=CLIP[:2])


def test_a_truth_of_another_size_is_named(compare):
    with pytest.raises(ValueError, match="truth must have the result's size"):
        compare(CLIP, truth=CLIP[:, :32])
