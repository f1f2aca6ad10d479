"""Stage 3: a motion module learns from clips, and all else stays as it is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..images import signed_to_unit
from ..models.motion import MotionUNet
from ..models.posterior import sample_posterior
from ..models.sd15 import LATENT_SCALE
from ..models.vae import decode
from ..pipeline import MagicPosePipeline
from ..sampling.settings import SamplingSettings
from ..weights.heads import Heads
from ..weights.loading import MagicPoseModels
from ..weights.notes import ModelNote
from .checkpoints import LAST, trained_weights
from .clip_batches import clip_batch, clip_starts, validation_clips
from .clip_objective import ClipObjective
from .config import TrainingConfig
from .denoiser_task import enable_checkpointing
from .export import export
from .latents import LatentCache
from .loop import Batch, Task
from .stages import MOTION
from .start import start_models

_VALIDATION_CLIPS = 2  # at a time
_SHOWN = 4
_SHOWN_STEPS = 20


def clip_task(
    config: TrainingConfig,
    models: MagicPoseModels,
    caches: tuple[LatentCache, LatentCache],
    rank: int,
) -> Task:
    """Set stage 3 up.

    Args:
        config: The run.
        models: The motion module is trained in place.
        caches: Frames of the training people of this process, and of held-out people.
        rank: Number of this process.
    """
    train, heldout = caches
    with torch.no_grad():
        text = models.text.empty_prompt()
    objective = ClipObjective(models.denoiser, text, config.objective, config.run.guidance_scale)
    if config.run.gradient_checkpointing:
        enable_checkpointing(models.denoiser)
    frames = config.data.clip
    fixed = validation_clips(heldout, frames, config.run.seed, config.objective)
    clip_starts(train, frames)  # too short subjects are told of before any training
    return Task(
        stage=MOTION.name,
        objective=objective,
        batch_at=lambda number: clip_batch(
            train,
            config.optimizer.batch,
            frames,
            (config.run.seed, rank, number),
            config.objective,
        ),
        validate=lambda: _validate(objective, fixed),
        draw=lambda: draw_clips(models, heldout, config),
    )


def export_motion(config: TrainingConfig) -> Path:
    """Export the motion module alone, in AnimateDiff's own layout.

    Returns:
        ``<output>/stage3.safetensors``.
    """
    models = start_models(config, MOTION)
    unet = models.denoiser.unet
    assert isinstance(unet, MotionUNet)
    state = {
        name.removeprefix("denoiser."): value
        for name, value in trained_weights(config.output / LAST).items()
    }
    models.denoiser.load_state_dict(state, strict=False)
    return export(
        config.output / f"{MOTION.name}.safetensors",
        {"motion": unet.motion},
        dtype=torch.float32,
        heads=Heads(unet=unet.motion.shape.heads),
        note=ModelNote(one_noise=True) if config.objective.one_noise_share == 1 else None,
    )


def draw_clips(models: MagicPoseModels, heldout: LatentCache, config: TrainingConfig) -> Tensor:
    """Render clips of held-out people, the truth above the result, beside each other.

    Returns:
        (F, 3, 2 S, columns S) in [0, 1].
    """
    sampling = SamplingSettings(
        steps=_SHOWN_STEPS, guidance_scale=config.run.guidance_scale, seed=config.run.seed
    )
    pipeline = MagicPosePipeline(models)
    frames = config.data.clip
    columns = []
    for start in [starts[0] for starts in clip_starts(heldout, frames) if len(starts)][:_SHOWN]:
        rows = slice(int(start), int(start) + frames)
        truth = _decoded(models, heldout, rows)
        maps = heldout.pose_maps[rows]
        size = (maps.shape[2], maps.shape[1])
        clip = pipeline.render(truth[-1:], maps, size=size, settings=sampling)
        columns.append(torch.cat([truth, torch.stack(list(clip.tensors())).cpu()], dim=2))
    return torch.cat(columns, dim=3)


def _decoded(models: MagicPoseModels, cache: LatentCache, rows: slice) -> Tensor:
    """Decode the means of frames -> (F, 3, H, W) in [0, 1]."""
    frames = []
    for moments in cache.moments[rows]:
        mean = sample_posterior(torch.from_numpy(moments[None].astype(np.float32)), None)
        latents = (mean * LATENT_SCALE).to(models.vae.device)
        frames.append(signed_to_unit(decode(models.vae, latents)).cpu())
    return torch.cat(frames)


def _validate(objective: ClipObjective, fixed: Batch) -> float:
    device = objective.text.device
    clips = len(fixed["noise"])
    total, parts = 0.0, math.ceil(clips / _VALIDATION_CLIPS)
    for first in range(parts):  # every so many, whose timesteps are spread as in training
        part = {k: v[first::parts].to(device) for k, v in fixed.items()}
        total += float(objective.error(part)) * len(part["noise"])
    return total / clips
