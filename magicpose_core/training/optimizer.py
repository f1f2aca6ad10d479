"""AdamW and the learning rate's way."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from ..errors import MissingDependencyError
from .config import OptimizerConfig

_COSINE_END = 0.05


def make_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimizerConfig
) -> torch.optim.Optimizer:
    """Make AdamW over the trained parameters.

    Raises:
        MissingDependencyError: 8-bit moments are asked for and bitsandbytes is not installed.
    """
    if not config.eight_bit:
        return torch.optim.AdamW(
            parameters,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
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
