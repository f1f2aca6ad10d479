"""Motion modules as their authors and diffusers store them, with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from magicpose_core.models.motion import MotionModule
from magicpose_core.models.motion_plan import MotionShape
from magicpose_core.weights.motion import motion_map

NARROW = (32, 32, 64, 64)
VERSIONS = {  # in narrow
    "v1": MotionShape(channels=NARROW, positions=24),
    "v2": MotionShape(channels=NARROW, positions=32, middle=True),
    "v3": MotionShape(channels=NARROW, positions=32),
    "AnimateLCM": MotionShape(channels=NARROW, positions=64),
    "LongAnimateDiff": MotionShape(channels=NARROW, positions=64),
}


def random_module(shape: MotionShape, seed: int = 0) -> MotionModule:
    """Draw a module whose output is not zero, as that of a fresh one of the authors is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MotionModule(shape).eval().requires_grad_(False)


def original_state(module: MotionModule) -> dict[str, Tensor]:
    """Name a module's weights as AnimateDiff does."""
    weight_map = motion_map(module.shape)
    state = {}
    for name, tensor in module.state_dict().items():
        key = weight_map.ldm_key(name)
        assert key is not None, name
        state[key] = tensor
    return state | {copy: state[key].clone() for copy, key in weight_map.copies.items()}


def save_original(module: MotionModule, path: Path, *, tables: bool = True) -> Path:
    """Write a module as AnimateDiff's authors do, or as AnimateLCM's: without positions."""
    state = {k: v for k, v in original_state(module).items() if tables or not k.endswith(".pe")}
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    else:
        wrapped = {f"module.{key}": value for key, value in state.items()}
        torch.save({"epoch": 1, "state_dict": wrapped, "animatediff_config": {}}, path)
    return path
