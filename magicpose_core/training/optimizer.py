"""AdamW, Muon and the learning rate's way."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from ..errors import InputError, MissingDependencyError
from .config import OptimizerConfig
from .muon import Muon

_COSINE_END = 0.05


def make_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimizerConfig, rank: int = 0
) -> torch.optim.Optimizer:
    """Make AdamW or Muon over the trained parameters.

    Args:
        parameters: Stepped.
        config: How.
        rank: Number of this process; each maps files of its own.

    Raises:
        InputError: 8-bit moments shall lie in mapped files, or Muon's moments be kept otherwise
            than in memory.
        MissingDependencyError: 8-bit moments are asked for and bitsandbytes is not installed.
    """
    if config.eight_bit and config.moments_folder is not None:
        raise InputError(
            "optimizer.eight_bit is for GPUs and optimizer.moments_folder for the CPU; set one"
        )
    if config.kind == "muon":
        if config.eight_bit or config.moments_folder is not None:
            raise InputError(
                "optimizer.eight_bit and optimizer.moments_folder are for AdamW; leave them out "
                'or set optimizer.kind to "adamw"'
            )
        return Muon(
            parameters,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
    if not config.eight_bit:
        optimizer = torch.optim.AdamW(
            parameters,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
        if config.moments_folder is not None:
            _map_moments(optimizer, config.moments_folder / str(rank))
        return optimizer
    try:
        from bitsandbytes.optim import AdamW8bit  # type: ignore[import-not-found]
    except ImportError as error:
        raise MissingDependencyError(
            "optimizer.eight_bit needs bitsandbytes (pip install bitsandbytes) and a CUDA GPU; "
            "or set it to false"
        ) from error
    return AdamW8bit(
        parameters,
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )


def _map_moments(optimizer: torch.optim.AdamW, folder: Path) -> None:
    """Put the moments, zero at first, into files that are mapped into memory.

    Raises:
        InputError: The parameters are on another device; AdamW wants its moments beside them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
        if parameter.device.type != "cpu":
            raise InputError(
                "optimizer.moments_folder is for training on the CPU; use optimizer.eight_bit"
            )
        moments = {}
        for name in ("exp_avg", "exp_avg_sq"):
            path = folder / f"{index:05d}.{name}"
            path.unlink(missing_ok=True)  # a fresh file reads as zeros
            mapped = torch.from_file(
                str(path), shared=True, size=parameter.numel(), dtype=parameter.dtype
            )
            moments[name] = mapped.view_as(parameter)
        optimizer.state[parameter] = {"step": torch.tensor(0.0), **moments}


def learning_rate_at(step: int, config: OptimizerConfig, steps: int) -> float:
    """Give the learning rate of a step.

    Args:
        step: Counted from 0.
        config: Warm-up, schedule and height.
        steps: Length of the run, where the cosine ends.
    """
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return config.learning_rate * warm
    done = min(1.0, step / max(1, steps))
    fall = _COSINE_END + (1 - _COSINE_END) * (1 + math.cos(math.pi * done)) / 2
    return config.learning_rate * warm * fall
