"""Noise that depends on the seed and the frame alone, whatever runs beside it.

Always drawn on the CPU in float32, frame by frame, so that batch size, window order, device and
dtype change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .schedules import add_noise
from .settings import BetaSchedule

Generators = Sequence[torch.Generator]  # one per frame, on the CPU

_FAR = 2**40  # farther than any clip is long, so that no frame meets the reference's numbers


def frame_generators(seed: int, frames: int, *, shared: bool) -> list[torch.Generator]:
    """Make a generator for each frame.

    Args:
        seed: The user's seed.
        frames: F.
        shared: All frames draw the same numbers, as the authors have it; otherwise frame f draws
            those of seed + f.
    """
    return [_generator(seed + (0 if shared else frame)) for frame in range(frames)]


def start_noise(
    like: Tensor,
    frames: int,
    *,
    seed: int,
    shared_noise: float,
    shuffled: tuple[int, int] | None = None,
) -> tuple[Tensor, list[torch.Generator]]:
    """Draw what sampling starts from.

    Args:
        like: (1, C, h, w), for shape and device.
        frames: F.
        seed: The user's seed.
        shared_noise: Share ``a`` of the variance that all frames have in common, 0..1: 1 gives all
            the same noise, 0 each its own, between them each ``sqrt(a) common + sqrt(1 - a) own``.
        shuffled: Length and stride of a motion module's windows, behind the first of which frames
            get its frames' own noises again, see :func:`shuffled_order`; None gives them new ones.

    Returns:
        (F, C, h, w) standard normal noise, and a generator per frame for steppers that add more.
    """
    if shared_noise == 1:
        generators = frame_generators(seed, frames, shared=True)
        return draw_noise(like, generators), generators
    # apart from the common one, where there is one
    generators = frame_generators(seed + (shared_noise > 0), frames, shared=False)
    own = draw_noise(like, generators)
    if shuffled is not None:
        own = own[shuffled_order(frames, *shuffled, seed=seed)]
    if shared_noise == 0:
        return own, generators
    common = draw_noise(like, [_generator(seed)])
    return shared_noise**0.5 * common + (1 - shared_noise) ** 0.5 * own, generators


def shuffled_order(frames: int, length: int, stride: int, *, seed: int) -> list[int]:
    """Say which of the first ``length`` frames' noises each of ``frames`` frames gets.

    Behind the first window each stride takes the noises of a window's length before it, in an order
    of its own, so that every window holds nearly the same noises.

    Source: Qiu et al. 2024, FreeNoise, section 3.2 (arXiv 2310.15169).
    """
    rng = np.random.default_rng(seed)
    order = list(range(min(length, frames)))
    for start in range(length, frames, stride):
        before = order[start - length : start - length + stride]
        order += rng.permutation(before).tolist()
    return order[:frames]


def draw_noise(like: Tensor, generators: Generators) -> Tensor:
    """Draw standard normal noise (F, C, h, w), one row from each generator."""
    rows = [torch.randn(like.shape[1:], generator=generator) for generator in generators]
    return torch.stack(rows).to(like.device)


def reference_generator(seed: int, stream: int = 0) -> torch.Generator:
    """Make a generator for the reference, apart from those of the frames.

    Args:
        seed: The user's seed.
        stream: 0 for the posterior's sample, others for noise at a timestep.
    """
    return _generator(seed + (stream + 1) * _FAR)


def noisy_reference(
    latents: Tensor, *, seed: int, timestep: int, schedule: BetaSchedule = "scaled_linear"
) -> Tensor:
    """Add the noise of a timestep to the reference's latents (R, 4, h, w).

    The noise has a stream for each timestep: the same in both halves of guidance and in any order.
    """
    generator = reference_generator(seed, timestep + 1)
    noise = draw_noise(latents, [generator] * latents.shape[0])
    return add_noise(latents, noise, torch.tensor(timestep), schedule)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed % 2**64)
