"""Training state on disk: the last and the best, whole or not at all, without pickles.

A state is one safetensors file: trained weights, their averages and the optimizer's moments, with
the step in its metadata. Frozen weights are not in it; they come from where the run started.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import CheckpointError
from ..weights.checkpoint import TensorInfo
from ..weights.safetensors_stream import write_safetensors
from .ema import Ema

LAST = "last.safetensors"
BEST = "best.safetensors"
_PROGRESS = "magicpose.progress"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: What is being trained.
        step: Steps done.
        best_loss: Lowest validation loss so far.
    """

    stage: str
    step: int = 0
    best_loss: float = float("inf")


@dataclass(frozen=True)
class TrainedState:
    """The live tensors of a run.

    Attributes:
        parameters: Name -> trained parameter.
        optimizer: Steps them, in the order of ``parameters``.
        ema: Their averages, or None.
    """

    parameters: Mapping[str, torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    ema: Ema | None


def save_state(path: Path, state: TrainedState, progress: Progress) -> None:
    """Write a state atomically; a full disk leaves the file that was there.

    Raises:
        OutputError: The disk is full or the folder cannot be written to.
    """
    tensors = {f"weights/{name}": value.detach() for name, value in state.parameters.items()}
    if state.ema is not None:
        tensors |= {f"ema/{name}": value for name, value in state.ema.averaged.items()}
    for name, moments in _moments(state).items():
        tensors |= {f"optimizer/{name}/{key}": value for key, value in moments.items()}
    metadata = {"format": "pt", _PROGRESS: json.dumps(asdict(progress))}
    infos = {key: TensorInfo(tuple(value.shape), value.dtype) for key, value in tensors.items()}
    write_safetensors(path, infos, lambda key: tensors[key].detach().cpu(), metadata)


def load_state(path: Path, state: TrainedState, stage: str) -> Progress:
    """Read a state back into the live tensors, bit for bit.

    Raises:
        CheckpointError: The file is damaged, of another stage, or of other networks.
    """
    progress, tensors = read_state(path)
    if progress.stage != stage:
        raise CheckpointError(
            f"{path} holds a run of {progress.stage}, not of {stage}; choose another output folder"
        )
    weights = _under(tensors, "weights/")
    if {name: value.shape for name, value in weights.items()} != {
        name: value.shape for name, value in state.parameters.items()
    }:
        raise CheckpointError(
            f"{path} holds other networks than the configuration asks for; choose another output "
            "folder or restore the configuration"
        )
    with torch.no_grad():
        for name, parameter in state.parameters.items():
            parameter.copy_(weights[name])
        if state.ema is not None:
            averages = _under(tensors, "ema/") or weights
            for name, value in state.ema.averaged.items():
                value.copy_(averages[name])
    _load_moments(state, _under(tensors, "optimizer/"))
    return progress


def read_state(path: Path) -> tuple[Progress, dict[str, Tensor]]:
    """Read a state without a run: progress, and tensors under weights/, ema/ and optimizer/.

    Raises:
        CheckpointError: The file is absent, damaged or no training state.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = Progress(**json.loads((file.metadata() or {})[_PROGRESS]))
            return progress, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a training state ({error}); remove it to start anew, or "
            f"put {BEST} in its place"
        ) from error


def trained_weights(path: Path) -> dict[str, Tensor]:
    """Read the weights that a state offers for use: the averages where there are some."""
    _, tensors = read_state(path)
    return _under(tensors, "ema/") or _under(tensors, "weights/")


def _moments(state: TrainedState) -> dict[str, dict[str, Tensor]]:
    kept = state.optimizer.state_dict()["state"]
    names = list(state.parameters)
    return {
        names[index]: {key: torch.as_tensor(value) for key, value in moments.items()}
        for index, moments in kept.items()
    }


def _load_moments(state: TrainedState, tensors: Mapping[str, Tensor]) -> None:
    places = {name: index for index, name in enumerate(state.parameters)}
    kept: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, _, moment = key.rpartition("/")
        there = state.optimizer.state.get(state.parameters[name])
        if there:  # in mapped files, where they shall stay
            there[moment].copy_(value)
        else:
            kept.setdefault(places[name], {})[moment] = value
    if kept:
        content = state.optimizer.state_dict()
        state.optimizer.load_state_dict({**content, "state": kept})


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
