"""Batches: one subject a draw, two of its frames, noise and timestep, all from the draw's place."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models.posterior import sample_posterior
from ..models.sd15 import LATENT_SCALE
from ..sampling.settings import TRAINING_STEPS
from .latents import FramesOnDevice, LatentCache
from .loop import Batch
from .randomness import numpy_generator, torch_generator


def draw_pairs(
    cache: LatentCache, count: int, place: tuple[int, ...], offset_noise: float = 0.0
) -> Batch:
    """Draw all that is random in a batch, and nothing of the frames: little to send to a GPU.

    A subject is drawn uniformly, then a target and a reference uniformly over its frames (they may
    be the same frame, as with the authors); the timestep is uniform over 0..999.

    Args:
        cache: Frames of the subjects.
        count: B.
        place: Seed, process and number of the forward pass; the same place gives the same batch.
        offset_noise: Standard deviation of what is added to all of a channel's noise.

    Returns:
        ``targets``, ``references`` (B,) numbers of frames, ``timesteps`` (B,), and ``noise``,
        ``target_noise``, ``reference_noise`` (B, 4, h, w), the last two for the posteriors.

    Source: offset noise after Guttenberg 2023, "Diffusion with Offset Noise".
    """
    rng = numpy_generator(*place)
    subjects = rng.integers(len(cache.bounds), size=count)
    first, end = cache.bounds[subjects].T
    targets = rng.integers(first, end)
    references = rng.integers(first, end)
    timesteps = rng.integers(TRAINING_STEPS, size=count)
    generator = torch_generator(*place)
    drawn = _draw(cache, targets, references, timesteps, generator)
    offsets = torch.randn((*drawn["noise"].shape[:2], 1, 1), generator=generator)
    return {**drawn, "noise": drawn["noise"] + offset_noise * offsets}


def complete_pairs(cache: LatentCache | FramesOnDevice, drawn: Batch) -> Batch:
    """Make the batch that was drawn, where its frames lie.

    Returns:
        ``latents``, ``reference``, ``noise`` (B, 4, h, w), ``timesteps`` (B,), ``pose_maps``
        (B, 3, H, W) in [0, 1].
    """
    targets, references = drawn["targets"], drawn["references"]
    return {
        "latents": _sample(cache, targets, drawn["target_noise"]),
        "reference": _sample(cache, references, drawn["reference_noise"]),
        "noise": drawn["noise"],
        "timesteps": drawn["timesteps"],
        "pose_maps": cache.read_pose_maps(targets),
    }


def validation_batch(cache: LatentCache, seed: int) -> Batch:
    """Take one fixed pair of each subject, timesteps spread evenly over 0..999, fixed noise."""
    first, end = cache.bounds.T
    spread = (np.arange(len(first)) + 0.5) / len(first) * TRAINING_STEPS
    timesteps = spread.astype(np.int64)
    return complete_pairs(cache, _draw(cache, end - 1, first, timesteps, torch_generator(seed)))


def _draw(
    cache: LatentCache,
    targets: NDArray[np.int64],
    references: NDArray[np.int64],
    timesteps: NDArray[np.int64],
    generator: torch.Generator,
) -> Batch:
    shape = (len(targets), cache.moments.shape[1] // 2, *cache.moments.shape[2:])
    noise = {
        name: torch.randn(shape, generator=generator)
        for name in ("target_noise", "reference_noise", "noise")  # in this order for ever
    }
    return {
        "targets": torch.from_numpy(targets),
        "references": torch.from_numpy(references),
        "timesteps": torch.from_numpy(timesteps),
        **noise,
    }


def sample_latents(
    cache: LatentCache, frames: NDArray[np.int64], generator: torch.Generator
) -> Tensor:
    """Draw scaled latents (B, 4, h, w) of frames from their posterior."""
    shape = (len(frames), cache.moments.shape[1] // 2, *cache.moments.shape[2:])
    return _sample(cache, torch.from_numpy(frames), torch.randn(shape, generator=generator))


def _sample(cache: LatentCache | FramesOnDevice, frames: Tensor, noise: Tensor) -> Tensor:
    return LATENT_SCALE * sample_posterior(cache.read_moments(frames), noise)
