"""Batches: one subject a draw, two of its frames, noise and timestep, all from the draw's place."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models.posterior import sample_posterior, split_moments
from ..models.sd15 import LATENT_SCALE
from ..sampling.settings import TRAINING_STEPS
from .latents import LatentCache
from .loop import Batch
from .randomness import numpy_generator, torch_generator


def pair_batch(
    cache: LatentCache, count: int, place: tuple[int, ...], offset_noise: float = 0.0
) -> Batch:
    """Draw a training batch.

    A subject is drawn uniformly, then a target and a reference uniformly over its frames (they may
    be the same frame, as with the authors); the timestep is uniform over 0..999.

    Args:
        cache: Frames of the subjects.
        count: B.
        place: Seed, process and number of the forward pass; the same place gives the same batch.
        offset_noise: Standard deviation of what is added to all of a channel's noise.

    Returns:
        ``latents``, ``reference``, ``noise`` (B, 4, h, w), ``timesteps`` (B,), ``pose_maps``
        (B, 3, H, W) in [0, 1].

    Source: offset noise after Guttenberg 2023, "Diffusion with Offset Noise".
    """
    rng = numpy_generator(*place)
    subjects = rng.integers(len(cache.bounds), size=count)
    first, end = cache.bounds[subjects].T
    targets = rng.integers(first, end)
    references = rng.integers(first, end)
    timesteps = rng.integers(TRAINING_STEPS, size=count)
    generator = torch_generator(*place)
    batch = _make(cache, targets, references, timesteps, generator)
    offsets = torch.randn((*batch["noise"].shape[:2], 1, 1), generator=generator)
    return {**batch, "noise": batch["noise"] + offset_noise * offsets}


def validation_batch(cache: LatentCache, seed: int) -> Batch:
    """Take one fixed pair of each subject, timesteps spread evenly over 0..999, fixed noise."""
    first, end = cache.bounds.T
    spread = (np.arange(len(first)) + 0.5) / len(first) * TRAINING_STEPS
    return _make(cache, end - 1, first, spread.astype(np.int64), torch_generator(seed))


def _make(
    cache: LatentCache,
    targets: NDArray[np.int64],
    references: NDArray[np.int64],
    timesteps: NDArray[np.int64],
    generator: torch.Generator,
) -> Batch:
    latents = sample_latents(cache, targets, generator)
    pose_maps = torch.from_numpy(cache.pose_maps[targets]).permute(0, 3, 1, 2)
    return {
        "latents": latents,
        "reference": sample_latents(cache, references, generator),
        "noise": torch.randn(latents.shape, generator=generator),
        "timesteps": torch.from_numpy(timesteps),
        "pose_maps": pose_maps.contiguous().float() / 255,
    }


def sample_latents(
    cache: LatentCache, frames: NDArray[np.int64], generator: torch.Generator
) -> Tensor:
    """Draw scaled latents (B, 4, h, w) of frames from their posterior."""
    moments = torch.from_numpy(cache.moments[frames]).float()
    noise = torch.randn(split_moments(moments)[0].shape, generator=generator)
    return LATENT_SCALE * sample_posterior(moments, noise)
