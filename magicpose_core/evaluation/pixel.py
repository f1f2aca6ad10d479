"""Pixel errors of results against the truth: the right values, and those that this field prints.

The published numbers of this family of papers come from DisCo's script, whose PSNR wraps around in
uint8 and whose L1 is divided by the number of pixels twice. They are here under names that say so,
to be compared with published ones and with nothing else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, MissingDependencyError

Pixels = NDArray[np.uint8]
_SSIM_MARGIN = 5  # half of the 11 x 11 Gaussian window; nearer to the edge it sees padding


def mean_absolute_error(results: Tensor, truths: Tensor) -> Tensor:
    """Mean absolute difference of (B, 3, H, W) pictures in [0, 1] -> (B,), 0 is best."""
    _check(results, truths)
    return (results - truths).abs().mean(dim=(1, 2, 3))


def psnr(results: Tensor, truths: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of (B, 3, H, W) pictures in [0, 1] -> (B,) in dB."""
    _check(results, truths)
    metrics = _torchmetrics()
    pairs = zip(results.split(1), truths.split(1), strict=True)
    return torch.stack(
        [metrics.peak_signal_noise_ratio(ours, true, data_range=1.0) for ours, true in pairs]
    )


def ssim(results: Tensor, truths: Tensor) -> Tensor:
    """Structural similarity of (B, 3, H, W) pictures in [0, 1] -> (B,), 1 is best.

    Gaussian window of deviation 1.5, the margin that lacks a whole window left out, mean over the
    channels. Source: Wang et al. 2004.
    """
    _check(results, truths)
    maps = _torchmetrics().structural_similarity_index_measure(
        results.double(), truths.double(), data_range=1.0, return_full_image=True, reduction="none"
    )[1]
    inside = slice(_SSIM_MARGIN, -_SSIM_MARGIN)
    return maps[..., inside, inside].mean(dim=(1, 2, 3)).float()


def disco_l1(result: Pixels, truth: Pixels) -> float:
    """DisCo's "L1": the mean absolute difference in 0..255, divided by H * W once more.

    It falls with the resolution: halve the sides and it is four times as high.
    """
    difference = np.abs(result.astype(np.float64) - truth).mean()
    return float(difference / (result.shape[0] * result.shape[1]))


def disco_psnr(result: Pixels, truth: Pixels) -> float:
    """DisCo's "PSNR": difference and square wrap around in uint8; a true 16.8 dB reads 28.1."""
    wrapped = np.square(truth - result)
    error = float(np.mean(wrapped))
    return float("inf") if error == 0 else float(20 * np.log10(255.0 / np.sqrt(error)))


def disco_ssim(result: Pixels, truth: Pixels) -> float:
    """DisCo's SSIM: of grey pictures, 7 x 7 uniform window, range 255. Needs scikit-image."""
    import cv2
    from skimage.metrics import structural_similarity

    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (truth, result)]
    return float(structural_similarity(*grey, data_range=255))


PIXEL_METRICS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "psnr": psnr,
    "ssim": ssim,
    "mean_absolute_error": mean_absolute_error,
}
DISCO_METRICS: Mapping[str, Callable[[Pixels, Pixels], float]] = {
    "disco_psnr": disco_psnr,
    "disco_ssim": disco_ssim,
    "disco_l1": disco_l1,
}


def disco_metrics() -> dict[str, Callable[[Pixels, Pixels], float]]:
    """Give those of DisCo's metrics whose packages are installed."""
    missing = missing_metrics()
    return {name: metric for name, metric in DISCO_METRICS.items() if name not in missing}


def missing_metrics() -> dict[str, str]:
    """Give the metrics whose package is not installed, and what they need."""
    if importlib.util.find_spec("skimage") is None:
        return {"disco_ssim": "needs scikit-image; pip install 'magicpose[metrics]'"}
    return {}


def _torchmetrics() -> ModuleType:
    try:
        import torchmetrics.functional.image as metrics
    except ImportError as error:
        raise MissingDependencyError(
            "PSNR and SSIM need torchmetrics; pip install torchmetrics"
        ) from error
    return metrics


def _check(results: Tensor, truths: Tensor) -> None:
    if results.shape != truths.shape or results.ndim != 4:
        raise InputError(
            "results and truths must be (B, 3, H, W) of one size, got "
            f"{tuple(results.shape)} and {tuple(truths.shape)}; use images.fit_size"
        )
