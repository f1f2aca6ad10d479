"""Train one stage from its configuration, and export what came out."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .config import TrainingConfig
from .loop import OnStep, make_accelerator, train
from .vae_task import finish_vae, start_vae, vae_task


def train_stage(
    stage: str,
    config: TrainingConfig,
    *,
    stop_at: int | None = None,
    on_step: OnStep | None = None,
) -> Path | None:
    """Train a stage, or go on with it, and export it in the released key layout.

    Args:
        stage: ``vae``, ``base``, ``stage1`` or ``stage2``.
        config: The run.
        stop_at: Stop after this many steps in all; the schedules still aim at the configured end.
        on_step: Called after each step with steps done and loss.

    Returns:
        The exported file on the main process, None on the others.
    """
    accelerator = make_accelerator(config)
    if stage != "vae":
        raise InputError(f"unknown stage {stage}")
    task = vae_task(config, start_vae(config), accelerator.process_index)
    train(task, config, accelerator, stop_at=stop_at, on_step=on_step)
    return finish_vae(config) if accelerator.is_main_process else None
