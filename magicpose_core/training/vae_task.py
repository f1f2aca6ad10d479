"""The ``vae`` stage: an autoencoder on dancers or on a folder of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from ..data.dancers.clips import free_frame
from ..data.dancers.landmarks import face_box
from ..data.dancers.person import Split
from ..errors import InputError
from ..images import from_uint8, unit_to_signed
from ..models.sd15 import LATENT_STRIDE
from ..weights.checkpoint import open_checkpoint
from ..weights.contents import find_part
from ..weights.heads import Heads
from ..weights.loading import load_network
from ..weights.recipes import VAE
from .autoencoder import AutoencoderObjective, normalize_latents, reconstruction_grid
from .autoencoder import reconstruction_loss as measure
from .checkpoints import LAST, trained_weights
from .config import DataConfig, TrainingConfig
from .export import export
from .fresh import fresh_vae
from .linear_code import LinearCode, fit_linear_code
from .loop import Batch, Task
from .randomness import numpy_generator, torch_generator

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
    vae = load_network(VAE, find_part(open_checkpoint(path), "vae")).requires_grad_(True)
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
    data, seed, count = config.data, config.run.seed, config.optimizer.batch
    cells = (data.crop or data.size) // LATENT_STRIDE
    heldout = dancer_pictures("heldout", range(data.heldout), data)

    def batch_at(number: int) -> Batch:
        rng = numpy_generator(seed, rank, number)
        people = rng.integers(2**31, size=count).tolist()
        noise = torch.randn((count, 4, cells, cells), generator=torch_generator(seed, rank, number))
        return {**draw_pictures(people, data, rng), "noise": noise}

    return Task(
        stage="vae",
        objective=AutoencoderObjective(
            vae,
            kl=config.objective.kl,
            edges=config.objective.edges,
            faces=config.objective.faces,
            code=_linear_code(data) if config.objective.linear_code else None,
        ),
        batch_at=batch_at,
        validate=lambda: measure(vae, heldout.to(vae.device)),
        draw=lambda: reconstruction_grid(vae, heldout[:_SHOWN].to(vae.device)),
    )


def _linear_code(data: DataConfig) -> LinearCode:
    return fit_linear_code(dancer_pictures("train", range(_NORMALIZED_ON), data))


def dancer_pictures(split: Split, people: range, data: DataConfig) -> Tensor:
    """Render one picture of each of these dancers -> (B, 3, size, size) in [-1, 1]."""
    frames = [free_frame(person, 0, split, data.size, data.framing).picture for person in people]
    return unit_to_signed(from_uint8(np.stack(frames)))


def draw_pictures(people: Sequence[int], data: DataConfig, rng: np.random.Generator) -> Batch:
    """Render one picture of each of these training people, or a square of it.

    Args:
        people: Their numbers.
        data: Gives size, framing and the side of the squares.
        rng: Places the squares: every other one has its middle in the face.

    Returns:
        ``pictures`` (B, 3, S, S) in [-1, 1], ``faces`` (B, 1, S, S), 1 inside a face's box.
    """
    side = data.crop or data.size
    pictures, faces = [], []
    for number, person in enumerate(people):
        frame = free_frame(person, 0, "train", data.size, data.framing)
        box = face_box(frame.pose, data.size)
        face = np.zeros((data.size, data.size), np.float32)
        face[box] = 1
        around = (box[1], box[0]) if number % 2 else (slice(0, data.size), slice(0, data.size))
        left, top = (
            int(np.clip(rng.integers(middle.start, middle.stop) - side // 2, 0, data.size - side))
            for middle in around
        )
        square = slice(top, top + side), slice(left, left + side)
        pictures.append(frame.picture[square])
        faces.append(face[square])
    return {
        "pictures": unit_to_signed(from_uint8(np.stack(pictures))),
        "faces": torch.from_numpy(np.stack(faces))[:, None],
    }


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
        normalize_latents(vae, dancer_pictures("train", range(_NORMALIZED_ON), config.data))
    return export(
        config.output / "vae.safetensors",
        {"vae": vae},
        dtype=torch.float32,
        heads=Heads(unet=config.network.heads),
    )
