"""How much memory a stage needs, told before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from .config import TrainingConfig

_GB = 1e9


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes that do not depend on the pictures; activations come on top.

    Attributes:
        trained: Numbers that are trained.
        frozen: Numbers that are not.
        weights: Bytes of all weights.
        gradients: Bytes of the gradients, twice with several processes: once for exchange.
        moments: Bytes of AdamW's two moments.
        average: Bytes of the averaged weights.
    """

    trained: int
    frozen: int
    weights: int
    gradients: int
    moments: int
    average: int

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return self.weights + self.gradients + self.moments + self.average

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.trained / 1e6:.1f} M numbers trained, {self.frozen / 1e6:.1f} M frozen: "
            f"{self.total / _GB:.2f} GB before activations (weights {self.weights / _GB:.2f}, "
            f"gradients {self.gradients / _GB:.2f}, AdamW {self.moments / _GB:.2f}, "
            f"average {self.average / _GB:.2f})"
        )


def estimate_memory(modules: Iterable[nn.Module], config: TrainingConfig) -> MemoryEstimate:
    """Count what stays in memory during training.

    Args:
        modules: Everything that is kept on the device, with its dtype and trained parts settled.
        config: Says how the optimizer keeps its moments and whether weights are averaged.
    """
    parameters = [parameter for module in modules for parameter in module.parameters()]
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    gradients = sum(p.numel() * p.element_size() for p in parameters if p.requires_grad)
    return MemoryEstimate(
        trained=trained,
        frozen=sum(parameter.numel() for parameter in parameters) - trained,
        weights=weights,
        gradients=gradients * (2 if config.run.world_size > 1 else 1),
        moments=trained * (2 if config.optimizer.eight_bit else 8),
        average=trained * 4 if config.optimizer.ema else 0,
    )
