"""Batches of clips: a subject, frames of it in a row, one reference, one timestep, mixed noise."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..models.posterior import sample_posterior, split_moments
from ..models.sd15 import LATENT_SCALE
from ..sampling.settings import TRAINING_STEPS
from .config import ObjectiveConfig
from .latents import LatentCache
from .loop import Batch
from .pairs import sample_latents
from .randomness import numpy_generator, torch_generator


def clip_starts(cache: LatentCache, frames: int) -> list[NDArray[np.int64]]:
    """List for each subject the frames that a clip without a gap can begin at.

    Raises:
        InputError: No subject has so many frames in a row.
    """
    starts = []
    for first, end in cache.bounds:
        possible = np.arange(first, end - frames + 1)
        gaps = cache.gaps[(cache.gaps > first) & (cache.gaps < end)]
        crossed = (gaps > possible[:, None]) & (gaps < possible[:, None] + frames)
        starts.append(possible[~crossed.any(axis=1)])
    if not any(map(len, starts)):
        raise InputError(
            f"no subject has {frames} frames in a row; lower data.clip, or raise data.frames"
        )
    return starts


def clip_batch(
    cache: LatentCache, count: int, frames: int, place: tuple[int, ...], config: ObjectiveConfig
) -> Batch:
    """Draw a training batch of clips.

    A subject is drawn uniformly among those with enough frames in a row, then a clip of it and a
    reference, which may lie in the clip; the timestep is uniform over 0..999, one for a clip.
    Those of a batch's own renderings are spread evenly and rise: see ``lowest_timesteps``.

    Args:
        cache: Frames of the subjects.
        count: B.
        frames: F.
        place: Seed, process and number of the forward pass; the same place gives the same batch.
        config: Says how much of the noise is common, how many clips the U-Net sees alone, and how
            many are learned from the model's own renderings.

    Returns:
        ``latents``, ``noise`` (B, F, 4, h, w), ``reference`` (B, 4, h, w), ``timesteps`` (B,),
        ``pose_maps`` (B, F, 3, H, W) in [0, 1], ``plain`` and ``own`` (B,) bool.
    """
    rng = numpy_generator(*place)
    possible = [(cache.bounds[i], s) for i, s in enumerate(clip_starts(cache, frames)) if len(s)]
    chosen = [possible[index] for index in rng.integers(len(possible), size=count)]
    starts = np.array([rng.choice(starts) for _, starts in chosen])
    references = np.array([rng.integers(*bounds) for bounds, _ in chosen])
    shares = np.where(rng.random(count) < config.one_noise_share, 1.0, rng.random(count))
    timesteps = rng.integers(TRAINING_STEPS, size=count)
    plain = rng.random(count) < config.plain_clips
    own = rng.random(count) < config.own_renderings
    timesteps[own] = spread_timesteps(timesteps[own])
    generator = torch_generator(*place)
    batch = _make(cache, starts, references, frames, shares, generator)
    return {
        **batch,
        "timesteps": torch.from_numpy(timesteps),
        "plain": torch.from_numpy(plain),
        "own": torch.from_numpy(own),
    }


def lowest_timesteps(count: int) -> list[int]:
    """Give the lowest timestep that each of so many of a model's own renderings can have.

    The n-th lies in the n-th of as many equal parts of 0..999: one knows beforehand how many of
    them a rendering has to take how far down.
    """
    return [row * TRAINING_STEPS // count for row in range(count)]


def spread_timesteps(timesteps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Put uniform timesteps (n,) each into a part of its own, rising."""
    rows = np.arange(len(timesteps))
    return (rows * TRAINING_STEPS + timesteps) // max(1, len(timesteps))


def validation_clips(cache: LatentCache, frames: int, seed: int, config: ObjectiveConfig) -> Batch:
    """Take one fixed clip of each subject; the timesteps are spread evenly and rise.

    So are the shares of common noise, but where training knows one noise alone.
    """
    starts = [possible[0] for possible in clip_starts(cache, frames) if len(possible)]
    spread = (np.arange(len(starts)) + 0.5) / len(starts)
    mixed = np.roll(spread, len(starts) // 2)  # not in step with the timesteps
    shares = np.ones_like(mixed) if config.one_noise_share == 1 else mixed
    references = np.array(starts) + frames - 1
    batch = _make(cache, np.array(starts), references, frames, shares, torch_generator(seed))
    return {
        **batch,
        "timesteps": torch.from_numpy((spread * TRAINING_STEPS).astype(np.int64)),
        "plain": torch.zeros(len(starts), dtype=torch.bool),
        "own": torch.zeros(len(starts), dtype=torch.bool),
    }


def _make(
    cache: LatentCache,
    starts: NDArray[np.int64],
    references: NDArray[np.int64],
    frames: int,
    shares: NDArray[np.float64],
    generator: torch.Generator,
) -> Batch:
    rows = starts[:, None] + np.arange(frames)
    moments = torch.from_numpy(cache.moments[rows]).float()
    # one draw for a clip: drawn for each frame, the posterior's noise would be flicker to learn
    drawn = torch.randn(split_moments(moments[:, 0])[0].shape, generator=generator)
    latents = torch.stack(
        [LATENT_SCALE * sample_posterior(frame, drawn) for frame in moments.unbind(1)], dim=1
    )
    share = torch.from_numpy(shares).float().reshape(-1, 1, 1, 1, 1)
    common = torch.randn(latents[:, :1].shape, generator=generator)
    own = torch.randn(latents.shape, generator=generator)
    pose_maps = torch.from_numpy(cache.pose_maps[rows]).permute(0, 1, 4, 2, 3)
    return {
        "latents": latents,
        "reference": sample_latents(cache, references, generator),
        "noise": share.sqrt() * common + (1 - share).sqrt() * own,
        "pose_maps": pose_maps.contiguous().float() / 255,
    }
