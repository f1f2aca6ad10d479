"""Metrics against closed forms, scikit-image and the authors' numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from magicpose_core.errors import InputError
from magicpose_core.evaluation.pixel import (
    DISCO_METRICS,
    disco_psnr,
    mean_absolute_error,
    psnr,
    ssim,
)
from magicpose_core.images import read_image, to_uint8

PAIRS = ("000", "001", "002")


@pytest.fixture(scope="module")
def metrics_folder(golden_folder: Path) -> Path:
    return golden_folder / "metrics"


@pytest.fixture(scope="module")
def published(metrics_folder: Path) -> dict[str, dict]:
    return json.loads((metrics_folder / "metrics.json").read_text())["pairs"]


def pictures(folder: Path, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    return read_image(folder / "gen" / f"{name}.png"), read_image(folder / "gt" / f"{name}.png")


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(
    ("metric", "key"), [("disco_l1", "L1"), ("disco_psnr", "PSNR"), ("disco_ssim", "SSIM")]
)
def test_disco_metrics_equal_the_authors(metrics_folder, published, name, metric, key):
    result, truth = (to_uint8(picture)[0] for picture in pictures(metrics_folder, name))
    assert DISCO_METRICS[metric](result, truth) == pytest.approx(published[name][key], rel=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_psnr_and_mean_absolute_error_are_the_true_ones(metrics_folder, published, name):
    result, truth = pictures(metrics_folder, name)
    expected = published[name]["PSNR_without_uint8_wraparound"]
    assert psnr(result, truth).item() == pytest.approx(expected, abs=1e-3)
    expected = published[name]["mean_abs_diff_0_255"] / 255
    assert mean_absolute_error(result, truth).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_ssim_equals_scikit_image(metrics_folder, name):
    result, truth = pictures(metrics_folder, name)
    arrays = [picture[0].permute(1, 2, 0).double().numpy() for picture in (result, truth)]
    expected = structural_similarity(
        *arrays,
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(result, truth).item() == pytest.approx(expected, abs=1e-6)


def test_psnr_of_a_constant_error_is_its_closed_form():
    truth = torch.full((2, 3, 16, 16), 0.5)
    assert psnr(truth + 0.1, truth).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)


def test_disco_psnr_reads_high_where_differences_wrap_around():
    truth, result = np.full((8, 8, 3), 10, np.uint8), np.full((8, 8, 3), 26, np.uint8)
    assert disco_psnr(result, truth) == float("inf")  # 16 squared is 256, which wraps to 0


def test_each_row_is_measured_alone():
    generator = torch.Generator().manual_seed(0)
    truths, results = torch.rand((2, 3, 3, 24, 24), generator=generator).unbind()
    for metric in (psnr, ssim, mean_absolute_error):
        alone = torch.cat([metric(results[i : i + 1], truths[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(metric(results, truths), alone)


def test_other_sizes_are_refused():
    with pytest.raises(InputError, match=r"got \(1, 3, 8, 8\) and \(1, 3, 8, 9\); use images"):
        psnr(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
