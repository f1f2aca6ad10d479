"""The ``vae`` stage: an autoencoder on dancers or on a folder of pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from ..data.dancers.clips import free_frames
from ..data.dancers.person import Split
from ..errors import InputError
from ..images import from_uint8, unit_to_signed
from ..models.sd15 import LATENT_STRIDE
from ..weights.checkpoint import open_checkpoint
from ..weights.contents import find_part
from ..weights.loading import Placement, load_vae
from .autoencoder import AutoencoderObjective, normalize_latents, reconstruction_grid
from .autoencoder import reconstruction_loss as measure
from .checkpoints import LAST, trained_weights
from .config import TrainingConfig
from .export import export, vae_part
from .fresh import fresh_vae
from .linear_code import LinearCode, fit_linear_code
from .loop import Batch, Task
from .randomness import numpy_generator, torch_generator

PicturesAt = Callable[[np.random.Generator, int], Tensor]  # generator, count -> (B, 3, H, W) signed
_SHOWN = 8
_NORMALIZED_ON = 256


def start_vae(config: TrainingConfig) -> AutoencoderKL:
    """Load the autoencoder to go on with, or draw one.

    Raises:
        InputError: The encoder is to stay as it is and none is given.
    """
    path = config.start.vae or config.start.checkpoint
    if path is None:
        if config.objective.frozen_encoder:
            raise InputError("objective.frozen_encoder needs start.vae, whose latents are kept")
        return fresh_vae(config.network, config.run.seed)
    vae = load_vae(find_part(open_checkpoint(path), "vae"), Placement()).requires_grad_(True)
    if config.objective.frozen_encoder:
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    return vae


def vae_task(config: TrainingConfig, vae: AutoencoderKL, rank: int) -> Task:
    """Set the stage up.

    Args:
        config: The run.
        vae: Trained in place.
        rank: Number of this process.
    """
    if config.data.source != "dancers":
        raise InputError(
            'train vae draws its pictures from dancers (data.source = "dancers"); for people\'s '
            "own videos take the autoencoder of Stable Diffusion 1.5, as the paper does"
        )
    size, seed, count = config.data.size, config.run.seed, config.optimizer.batch
    side = config.data.crop or size
    cells = side // LATENT_STRIDE
    heldout = dancer_pictures("heldout", range(config.data.heldout), size)

    def batch_at(number: int) -> Batch:
        rng = numpy_generator(seed, rank, number)
        people = rng.integers(2**31, size=count).tolist()
        noise = torch.randn((count, 4, cells, cells), generator=torch_generator(seed, rank, number))
        left, top = rng.integers(size - side + 1, size=2)
        pictures = dancer_pictures("train", people, size)
        return {
            "pictures": pictures[..., top : top + side, left : left + side].contiguous(),
            "noise": noise,
        }

    return Task(
        stage="vae",
        objective=AutoencoderObjective(
            vae,
            kl=config.objective.kl,
            edges=config.objective.edges,
            code=_linear_code(size) if config.objective.linear_code else None,
        ),
        batch_at=batch_at,
        validate=lambda: measure(vae, heldout.to(vae.device)),
        draw=lambda: reconstruction_grid(vae, heldout[:_SHOWN].to(vae.device)),
    )


def _linear_code(size: int) -> LinearCode:
    return fit_linear_code(dancer_pictures("train", range(_NORMALIZED_ON), size))


def dancer_pictures(split: Split, people: range | list[int], size: int) -> Tensor:
    """Render one picture of each of these dancers -> (B, 3, size, size) in [-1, 1]."""
    frames = [next(free_frames(person, 1, split, size)).picture for person in people]
    return unit_to_signed(from_uint8(np.stack(frames)))


def finish_vae(config: TrainingConfig) -> Path:
    """Normalize the latents of the trained autoencoder, if its encoder learned, and export it.

    Returns:
        ``<output>/vae.safetensors``.
    """
    vae = start_vae(config)
    weights = trained_weights(config.output / LAST)
    trained = {name.removeprefix("vae."): value for name, value in weights.items()}
    vae.load_state_dict(vae.state_dict() | trained)
    if not config.objective.frozen_encoder:
        normalize_latents(vae, dancer_pictures("train", range(_NORMALIZED_ON), config.data.size))
    return export(
        config.output / "vae.safetensors",
        {"vae": vae_part(vae)},
        dtype=torch.float32,
        heads=config.network.heads,
    )
