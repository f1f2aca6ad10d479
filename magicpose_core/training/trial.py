"""Try one step of a stage on random latents: does it fit, and how long does it take?"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import torch
from torch import nn

from ..models.denoiser import MagicPoseDenoiser
from ..models.motion import MotionUNet
from ..models.networks import UNet
from ..models.sd15 import LATENT_STRIDE
from ..models.text import TextEncoder
from ..sizes import check_room
from .clip_batches import spread_timesteps
from .clip_objective import ClipObjective
from .config import TrainingConfig
from .denoiser_task import enable_checkpointing, keep_frozen_in
from .fresh import fresh_denoiser, fresh_motion, fresh_text
from .loop import Batch, make_accelerator
from .memory import MemoryEstimate, estimate_memory
from .objective import NoiseObjective
from .optimizer import make_optimizer
from .randomness import torch_generator
from .stages import MOTION, Stage, find_stage
from .start import start_models

_GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one step took.

    Attributes:
        loss: Of the random batch.
        forward_backward_seconds: Forward and backward pass.
        step_seconds: Clipping and AdamW.
        peak_bytes: Most memory that the process (CPU) or the device held; None where the platform
            does not say.
        estimate: What was expected before activations.
    """

    loss: float
    forward_backward_seconds: float
    step_seconds: float
    peak_bytes: int | None
    estimate: MemoryEstimate

    def __str__(self) -> str:
        """Say it in a few lines."""
        peak = "unknown" if self.peak_bytes is None else f"{self.peak_bytes / _GB:.1f} GB"
        return (
            f"{self.estimate}\n"
            f"one step: forward and backward {self.forward_backward_seconds:.1f} s, clipping and "
            f"AdamW {self.step_seconds:.1f} s, peak memory {peak}, loss {self.loss:.4f}"
        )


def try_step(stage_name: str, config: TrainingConfig) -> Trial:
    """Do one optimizer step of ``base`` or a numbered stage and keep nothing of it.

    Args:
        stage_name: The stage.
        config: The run; where ``start.checkpoint`` is not set, weights are random.

    Raises:
        InputError: The pictures are too small for the network, see ``sizes.check_room``.
    """
    accelerator = make_accelerator(config)
    stage = find_stage(stage_name, config.objective)
    denoiser, text = _networks(config, stage)
    check_room((config.data.size, config.data.size), denoiser.unet.shape.channels)
    objective = _objective(denoiser, text, stage, config)
    keep_frozen_in(denoiser, config)
    if config.run.gradient_checkpointing:
        enable_checkpointing(denoiser)
    estimate = estimate_memory([denoiser, text], config)
    parameters = [parameter for parameter in denoiser.parameters() if parameter.requires_grad]
    prepared, optimizer = accelerator.prepare(
        objective.to(accelerator.device), make_optimizer(parameters, config.optimizer)
    )
    random = _random_clips(config) if stage.name == MOTION.name else _random_batch(config)
    batch = {key: value.to(accelerator.device) for key, value in random.items()}
    started = time.perf_counter()
    loss = prepared(batch)
    accelerator.backward(loss)
    between = time.perf_counter()
    accelerator.clip_grad_norm_(parameters, config.optimizer.clip)
    optimizer.step()
    return Trial(
        loss=loss.item(),
        forward_backward_seconds=between - started,
        step_seconds=time.perf_counter() - between,
        peak_bytes=_peak_bytes(accelerator.device),
        estimate=estimate,
    )


def _objective(
    denoiser: MagicPoseDenoiser, text: TextEncoder, stage: Stage, config: TrainingConfig
) -> nn.Module:
    with torch.no_grad():
        prompt = text.empty_prompt()
    if stage.name == MOTION.name:
        return ClipObjective(denoiser, prompt, config.objective, config.run.guidance_scale)
    return NoiseObjective(denoiser, stage, prompt, config.objective)


def _networks(config: TrainingConfig, stage: Stage) -> tuple[MagicPoseDenoiser, TextEncoder]:
    if config.start.checkpoint is not None:
        models = start_models(config, stage)
        return models.denoiser, models.text
    denoiser = fresh_denoiser(config.network, config.run.seed)
    if not stage.sees_pose:
        denoiser.pose = None
    if stage.name == MOTION.name:
        assert isinstance(denoiser.unet, UNet)
        motion = fresh_motion(config.network, denoiser.unet.shape, config.run.seed)
        denoiser.unet = MotionUNet(denoiser.unet, motion)
    return denoiser, fresh_text(config.network, config.run.seed).requires_grad_(False)


def _random_batch(config: TrainingConfig) -> Batch:
    rows, size = config.optimizer.batch, config.data.size
    generator = torch_generator(config.run.seed)
    cells = size // LATENT_STRIDE
    latents, reference, noise = torch.randn((3, rows, 4, cells, cells), generator=generator)
    return {
        "latents": latents,
        "reference": reference,
        "noise": noise,
        "timesteps": torch.randint(0, 1000, (rows,), generator=generator),
        "pose_maps": torch.rand((rows, 3, size, size), generator=generator),
    }


def _random_clips(config: TrainingConfig) -> Batch:
    clips, frames, size = config.optimizer.batch, config.data.clip, config.data.size
    generator = torch_generator(config.run.seed)
    cells = size // LATENT_STRIDE
    latents, noise = torch.randn((2, clips, frames, 4, cells, cells), generator=generator)
    timesteps = torch.randint(0, 1000, (clips,), generator=generator).numpy()
    return {
        "latents": latents,
        "reference": torch.randn((clips, 4, cells, cells), generator=generator),
        "noise": noise,
        "timesteps": torch.from_numpy(spread_timesteps(timesteps)),
        "pose_maps": torch.rand((clips, frames, 3, size, size), generator=generator),
        "plain": torch.zeros(clips, dtype=torch.bool),
        "own": torch.full((clips,), config.objective.own_renderings > 0),  # the dearer ones
    }


def _peak_bytes(device: torch.device) -> int | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
