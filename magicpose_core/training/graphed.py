"""A forward and backward pass as one CUDA graph: thousands of small kernels in one launch.

A step of the demo's base keeps a processor launching kernels for four times as long as an H200
computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..errors import InputError
from .config import TrainingConfig

_CAPTURED = ("base", "stage1", "stage2")  # the others look at numbers on the way


def check_graphs(stage: str, config: TrainingConfig, device: torch.device) -> None:
    """Refuse what no graph can hold.

    Raises:
        InputError: The run is not on CUDA, or it looks at numbers between two kernels.
    """
    run = config.run
    if not run.cuda_graphs:
        return
    if device.type != "cuda":
        raise InputError(f"run.cuda_graphs needs CUDA and this run is on {device}; set it to false")
    if stage not in _CAPTURED:
        raise InputError(f"run.cuda_graphs is for {', '.join(_CAPTURED)}, not for {stage}")
    if run.mixed_precision != "no" or run.gradient_checkpointing:
        raise InputError(
            'run.cuda_graphs needs run.mixed_precision "no" and run.gradient_checkpointing false, '
            f'got "{run.mixed_precision}" and {str(run.gradient_checkpointing).lower()}'
        )
    if config.optimizer.accumulate > 1:  # the next pass would write over the gradients of the last
        raise InputError(
            f"run.cuda_graphs needs optimizer.accumulate 1, got {config.optimizer.accumulate}; "
            "raise optimizer.batch instead"
        )


class _Positional(nn.Module):
    """An objective that takes the tensors of a batch in a row, as graphs want them."""

    def __init__(self, objective: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.objective = objective
        self._names = names

    def forward(self, *tensors: Tensor) -> Tensor:
        loss: Tensor = self.objective(dict(zip(self._names, tensors, strict=True)))
        return loss


def graphed(
    objective: nn.Module, batch: Mapping[str, Tensor]
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Capture an objective with its gradients.

    Args:
        objective: Its parameters may be stepped in place afterwards, and not be replaced.
        batch: One like all that will come, on the device: of the same names, shapes and dtypes.

    Returns:
        ``loss(batch)``, whose gradients are the objective's.
    """
    names = tuple(batch)
    captured = torch.cuda.make_graphed_callables(
        _Positional(objective, names), tuple(batch.values())
    )

    def loss(given: Mapping[str, Tensor]) -> Tensor:
        result: Tensor = captured(*(given[name] for name in names))  # type: ignore[assignment]
        return result

    return loss
