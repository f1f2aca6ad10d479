"""Training state on disk: the last and the best, whole or not at all, without pickles.

A state is one safetensors file: trained weights, their averages and the optimizer's moments, with
the step in its metadata. Frozen weights are not in it; they come from where the run started, and a
fingerprint of all weights at that time tells when that has become another place.
"""

from __future__ import annotations

import hashlib
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
_PROGRESS, _SCALER = "magicpose.progress", "magicpose.scaler"
_SAMPLED = 64  # numbers of each tensor that a fingerprint looks at


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: What is being trained.
        origin: Fingerprint of the weights that the run started from.
        step: Steps done.
        best_loss: Lowest validation loss so far.
    """

    stage: str
    origin: str
    step: int = 0
    best_loss: float = float("inf")


@dataclass(frozen=True)
class TrainedState:
    """The live tensors of a run.

    Attributes:
        parameters: Name -> trained parameter.
        optimizer: Steps them, in the order of ``parameters``.
        ema: Their averages, or None.
        scaler: Scales the losses in fp16; else None.
    """

    parameters: Mapping[str, torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    ema: Ema | None
    scaler: torch.amp.GradScaler | None = None


def fingerprint_weights(module: torch.nn.Module) -> str:
    """Name the weights of a module by some numbers of each tensor.

    Quick, and enough to tell trained weights apart; an edit of single numbers can escape it.
    """
    digest = hashlib.sha256()
    for name, parameter in module.named_parameters():
        numbers = parameter.detach().flatten()
        sampled = numbers[:: max(1, len(numbers) // _SAMPLED)].float().cpu().numpy()
        digest.update(f"{name} {tuple(parameter.shape)}".encode())
        digest.update(sampled.tobytes())
    return digest.hexdigest()


def save_state(path: Path, state: TrainedState, progress: Progress) -> None:
    """Write a state atomically; a full disk leaves the file that was there.

    Raises:
        OutputError: The disk is full or the folder cannot be written to.
    """
    tensors = {f"weights/{name}": value.detach() for name, value in state.parameters.items()}
    if state.ema is not None:
        tensors |= {f"ema/{name}": value for name, value in state.ema.averaged.items()}
    for name, moments in _moments(state).items():  # in one order, also after a resumed run
        tensors |= {f"optimizer/{name}/{key}": value for key, value in sorted(moments.items())}
    metadata = {"format": "pt", _PROGRESS: json.dumps(asdict(progress))}
    if state.scaler is not None:
        metadata[_SCALER] = json.dumps(state.scaler.state_dict())
    infos = {key: TensorInfo(tuple(value.shape), value.dtype) for key, value in tensors.items()}
    write_safetensors(path, infos, lambda key: tensors[key].detach().cpu(), metadata)


def load_state(path: Path, state: TrainedState, start: Progress) -> Progress:
    """Read a state back into the live tensors, bit for bit.

    Args:
        path: The file.
        state: Written to.
        start: Of the run at step 0, to be told from others.

    Raises:
        CheckpointError: The file is damaged, or of a run of another stage, of other networks or
            from other weights.
    """
    progress, tensors = read_state(path)
    if progress.stage != start.stage:
        raise CheckpointError(
            f"{path} holds a run of {progress.stage}, not of {start.stage}; choose another output "
            "folder"
        )
    weights = _under(tensors, "weights/")
    if {name: value.shape for name, value in weights.items()} != {
        name: value.shape for name, value in state.parameters.items()
    }:
        raise CheckpointError(
            f"{path} holds other networks than the configuration asks for; choose another output "
            "folder or restore the configuration"
        )
    if progress.origin != start.origin:
        raise CheckpointError(
            f"{path} holds a run that started from other weights than those that [start] now "
            "gives; choose another output folder, or remove this one to train anew"
        )
    with torch.no_grad():
        for name, parameter in state.parameters.items():
            parameter.copy_(weights[name])
        if state.ema is not None:
            averages = _under(tensors, "ema/") or weights
            for name, value in state.ema.averaged.items():
                value.copy_(averages[name])
    _load_moments(state, _under(tensors, "optimizer/"))
    scaler = _scaler_state(path)
    if state.scaler is not None and scaler:
        state.scaler.load_state_dict(scaler)
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


def _scaler_state(path: Path) -> dict[str, float]:
    with safe_open(path, framework="pt") as file:
        state: dict[str, float] = json.loads((file.metadata() or {}).get(_SCALER, "{}"))
    return state


def _moments(state: TrainedState) -> dict[str, dict[str, Tensor]]:
    # not by state_dict(), in which bitsandbytes nests what it keeps
    kept = state.optimizer.state
    return {
        name: {key: torch.as_tensor(value) for key, value in kept[parameter].items()}
        for name, parameter in state.parameters.items()
        if parameter in kept
    }


def _load_moments(state: TrainedState, tensors: Mapping[str, Tensor]) -> None:
    mapped = {name for name, value in state.parameters.items() if state.optimizer.state.get(value)}
    for key, value in tensors.items():
        name, _, moment = key.rpartition("/")
        parameter = state.parameters[name]
        there = state.optimizer.state[parameter]
        if name in mapped:  # moments in mapped files shall stay there
            there[moment].copy_(value)
        else:
            there[moment] = _live(value, parameter)


def _live(value: Tensor, parameter: Tensor) -> Tensor | int:
    """Give a moment the form that its optimizer keeps it in."""
    if value.ndim:
        return value.to(parameter.device)
    # the number of steps: torch counts in a tensor of floats on the CPU, bitsandbytes in an int
    return value if value.is_floating_point() else int(value)


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
