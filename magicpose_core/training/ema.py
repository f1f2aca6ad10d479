"""The exponential moving average of weights: what is validated, shown and exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


class Ema:
    """Averages named parameters.

    The decay rises as (1 + n) / (10 + n) until it reaches its value, so that early averages forget
    the random start.

    Attributes:
        averaged: Name -> average, float32, on the parameter's device.
    """

    def __init__(self, parameters: Mapping[str, Tensor], decay: float) -> None:
        """Start from the parameters as they are."""
        self._parameters = parameters
        self._decay = decay
        self.averaged = {
            name: parameter.detach().float().clone() for name, parameter in parameters.items()
        }

    @torch.no_grad()
    def update(self, steps_done: int) -> None:
        """Take in the parameters after a step."""
        decay = min(self._decay, (1 + steps_done) / (10 + steps_done))
        averages = [self.averaged[name] for name in self._parameters]
        current = [parameter.detach().float() for parameter in self._parameters.values()]
        torch._foreach_lerp_(averages, current, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averages into the parameters while the block runs."""
        kept = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        try:
            self._write(self.averaged)
            yield
        finally:
            self._write(kept)

    @torch.no_grad()
    def _write(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(values[name])
