"""Muon: momentum steps of matrices made orthogonal, so that all directions are learned at one rate.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the scale
that lets it share AdamW's learning rate after Liu et al. 2025, "Muon is scalable for LLM training".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_STEPS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the odd polynomial that drives singular values to 1
_ADAMW_SIZE = 0.2  # root mean square of AdamW's usual steps, in learning rates
_THINNEST = 8  # rows and columns below which a matrix has too few directions


class Muon(torch.optim.AdamW):
    """Muon for kernels and matrices, AdamW for everything else (biases, norms, thin layers)."""

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        """Take the parameters to step.

        Args:
            params: All of them.
            lr: Learning rate of both kinds.
            betas: Of AdamW.
            weight_decay: Decoupled, of both kinds.
            momentum: Of Muon, after Nesterov.
        """
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay)
        self._momentum = momentum

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Do one step."""
        if closure is not None:
            raise ValueError("Muon takes no closure; compute the gradients before the step")
        held = {
            parameter: parameter.grad
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None and is_matrix(parameter)
        }
        for parameter in held:
            parameter.grad = None  # AdamW passes over it
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter in held:
                    parameter.grad = held[parameter]
                    self._step_matrix(parameter, group["lr"], group["weight_decay"])

    def _step_matrix(self, parameter: torch.nn.Parameter, rate: float, decay: float) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - self._momentum)
        ahead = gradient.lerp(state["momentum"], self._momentum)
        update = orthogonal(ahead.flatten(1))
        size = _ADAMW_SIZE * max(update.shape) ** 0.5
        parameter.mul_(1 - rate * decay)
        parameter.add_(update.view_as(parameter), alpha=-rate * size)


def is_matrix(parameter: Tensor) -> bool:
    """Tell whether a parameter has rows and columns enough, kernels counted as rows of inputs."""
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= _THINNEST


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring all singular values of a matrix (M, N) near 1 by Newton-Schulz steps."""
    a, b, c = _COEFFICIENTS
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(_STEPS):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide if len(matrix) <= matrix.shape[1] else wide.T
