"""Train one stage from its configuration, and export what came out."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path

from accelerate import Accelerator

from ..sizes import check_room
from .clip_task import clip_task, export_motion
from .config import TrainingConfig
from .denoiser_task import (
    denoiser_task,
    export_denoiser,
    find_subjects,
    keep_frozen_in,
    open_caches,
)
from .graphed import check_graphs
from .loop import OnTrainingStep, make_accelerator, train
from .memory import estimate_memory
from .run_folder import own_run_folder
from .stages import MOTION, find_stage, freeze
from .start import start_models
from .vae_task import finish_vae, start_vae, vae_task

_log = logging.getLogger("magicpose")


def train_stage(
    stage: str,
    config: TrainingConfig,
    *,
    stop_at: int | None = None,
    on_step: OnTrainingStep | None = None,
) -> Path | None:
    """Train a stage, or go on with it, and export it in the released key layout.

    Args:
        stage: ``vae``, ``base``, ``stage1``, ``stage2`` or ``stage3``.
        config: The run.
        stop_at: Stop after this many steps in all; the schedules still aim at the configured end.
        on_step: Called after each step with steps done and loss.

    Returns:
        The exported file on the main process, None on the others.

    Raises:
        InputError: As the tasks say, or results would replace what is read.
        OutputError: The folder cannot be written to, or another process trains in it.
    """
    accelerator = make_accelerator(config)
    with own_run_folder(stage, config) if accelerator.is_main_process else nullcontext():
        return _train_stage(stage, config, accelerator, stop_at, on_step)


def _train_stage(
    stage: str,
    config: TrainingConfig,
    accelerator: Accelerator,
    stop_at: int | None,
    on_step: OnTrainingStep | None,
) -> Path | None:
    check_graphs(stage, config, accelerator.device)
    if stage == "vae":
        vae = start_vae(config)
        task = vae_task(config, vae, accelerator.process_index)
        _log.info("vae: %s", estimate_memory([vae], config))
        train(task, config, accelerator, stop_at=stop_at, on_step=on_step)
        return finish_vae(config) if accelerator.is_main_process else None
    chosen = find_stage(stage, config.objective)
    clips = chosen.name == MOTION.name
    models = start_models(config, chosen)
    check_room((config.data.size, config.data.size), models.denoiser.unet.shape.channels)
    freeze(models.denoiser, chosen)
    keep_frozen_in(models.denoiser, config)
    _log.info("%s: %s", stage, estimate_memory([models.denoiser, models.vae, models.text], config))
    models.vae.to(accelerator.device)
    models.text.to(accelerator.device)
    with accelerator.main_process_first():
        train_cache, heldout = open_caches(
            config, models, find_subjects(config.data, config.run.seed, clips=clips)
        )
    shard = train_cache.shard(accelerator.process_index, accelerator.num_processes)
    caches, rank = (shard, heldout), accelerator.process_index
    if clips:
        task = clip_task(config, models, caches, rank)
    else:
        task = denoiser_task(config, chosen, models, caches, rank)
    train(task, config, accelerator, stop_at=stop_at, on_step=on_step)
    accelerator.free_memory()
    del task, models
    if not accelerator.is_main_process:
        return None
    return export_motion(config) if clips else export_denoiser(config, chosen)
