"""The autoencoder's posterior: a normal distribution of latents for each picture."""

from __future__ import annotations

import torch
from torch import Tensor

_LOG_VARIANCE_RANGE = (-30.0, 20.0)  # as Stable Diffusion 1.5's own autoencoder clips it


def split_moments(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Split (B, 2C, h, w) moments -> mean and clipped log variance, (B, C, h, w) each."""
    mean, log_variance = moments.chunk(2, dim=1)
    return mean, log_variance.clamp(*_LOG_VARIANCE_RANGE)


def sample_posterior(moments: Tensor, noise: Tensor | None) -> Tensor:
    """Draw latents from their posterior.

    Args:
        moments: (B, 2C, h, w), what the encoder and its last convolution give.
        noise: (B, C, h, w) standard normal; None takes the mean.

    Returns:
        (B, C, h, w) latents, not scaled.
    """
    mean, log_variance = split_moments(moments)
    if noise is None:
        return mean
    return mean + torch.exp(0.5 * log_variance) * noise.to(mean)
