"""A whole optimizer step as one CUDA graph: thousands of small kernels in one launch.

The demo's networks are so small that a processor launching their kernels, and walking over a
thousand parameters, takes longer than the GPU that computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..errors import InputError
from .config import TrainingConfig

_CAPTURED = ("base", "stage1", "stage2", "stage3")  # vae looks at numbers on the way
_WARM_UP = 3  # passes in which libraries choose their kernels and take their memory


def check_graphs(stage: str, config: TrainingConfig, device: torch.device) -> None:
    """Refuse what no graph can hold.

    Raises:
        InputError: The run is not on CUDA, or it looks at numbers between two kernels.
    """
    run, optimizer = config.run, config.optimizer
    if not run.cuda_graphs:
        return
    if device.type != "cuda":
        raise InputError(f"run.cuda_graphs needs CUDA and this run is on {device}; set it to false")
    _check_stage(stage, config.objective.own_renderings)
    if run.world_size > 1:
        raise InputError(f"run.cuda_graphs needs run.world_size 1, got {run.world_size}")
    if run.mixed_precision == "fp16" or run.gradient_checkpointing:
        raise InputError(
            'run.cuda_graphs needs run.mixed_precision "no" or "bf16" and '
            f'run.gradient_checkpointing false, got "{run.mixed_precision}" and '
            f"{str(run.gradient_checkpointing).lower()}"
        )
    if optimizer.kind != "adamw" or optimizer.eight_bit:
        raise InputError(
            'run.cuda_graphs needs optimizer.kind "adamw" and optimizer.eight_bit false, got '
            f'"{optimizer.kind}" and {str(optimizer.eight_bit).lower()}'
        )
    if optimizer.accumulate > 1:  # the next pass would write over the gradients of the last
        raise InputError(
            f"run.cuda_graphs needs optimizer.accumulate 1, got {optimizer.accumulate}; "
            "raise optimizer.batch instead"
        )


def _check_stage(stage: str, own_renderings: float) -> None:
    if stage not in _CAPTURED:
        raise InputError(f"run.cuda_graphs is for {', '.join(_CAPTURED)}, not for {stage}")
    if stage == "stage3" and own_renderings != 1:  # it sorts the clips of a batch
        raise InputError(
            f"run.cuda_graphs needs objective.own_renderings 1 in stage3, got {own_renderings}"
        )


class GraphedStep:
    """Forward and backward pass, clipping and AdamW, captured once and replayed for each batch."""

    def __init__(
        self,
        loss_of: Callable[[Mapping[str, Tensor]], Tensor],
        parameters: Sequence[nn.Parameter],
        optimizer: torch.optim.AdamW,
        clip: float,
        batch: Mapping[str, Tensor],
    ) -> None:
        """Capture the step; weights and moments are afterwards what they were.

        Args:
            loss_of: Of a batch; reads nothing back from the GPU.
            parameters: Trained, on the GPU; written in place from now on, and not replaced.
            optimizer: Over them; changed to keep its count and its rate on the GPU.
            clip: Largest norm of all gradients together.
            batch: One like all that will come: of the same names, shapes and dtypes.
        """
        device = parameters[0].device
        self._loss_of = loss_of
        self._parameters = parameters
        self._optimizer = optimizer
        self._clip = clip
        self._batch = {name: tensor.to(device) for name, tensor in batch.items()}
        self._rate = torch.zeros((), device=device)
        for group in optimizer.param_groups:
            group.update(capturable=True, fused=True, lr=self._rate)
        for moments in optimizer.state.values():
            moments["step"] = torch.as_tensor(moments["step"]).to(device, torch.float32)
        kept = _copies(optimizer, parameters)
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                self._step()
        torch.cuda.current_stream(device).wait_stream(side)
        optimizer.zero_grad()  # so that the graph has gradients of its own
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss, self._norm = self._step()
        _restore(optimizer, parameters, kept)

    def __call__(self, batch: Mapping[str, Tensor], rate: float) -> tuple[Tensor, Tensor]:
        """Do a step at a learning rate; returns loss and norm, which the next step writes over."""
        for name, tensor in batch.items():
            self._batch[name].copy_(tensor, non_blocking=True)
        self._rate.fill_(rate)
        self._graph.replay()
        return self._loss, self._norm

    def _step(self) -> tuple[Tensor, Tensor]:
        self._optimizer.zero_grad()
        loss = self._loss_of(self._batch)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self._optimizer.step()
        return loss.detach(), norm


_Copies = dict[nn.Parameter, tuple[Tensor, dict[str, Tensor]]]


def _copies(optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]) -> _Copies:
    return {
        parameter: (
            parameter.detach().clone(),
            {key: moment.clone() for key, moment in optimizer.state.get(parameter, {}).items()},
        )
        for parameter in parameters
    }


@torch.no_grad()
def _restore(
    optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], kept: _Copies
) -> None:
    """Write back in place, for the graph knows these tensors and no others."""
    for parameter in parameters:
        weights, moments = kept[parameter]
        parameter.copy_(weights)
        for key, moment in optimizer.state[parameter].items():
            if key in moments:
                moment.copy_(moments[key])
            else:  # a run that begins
                moment.zero_()
