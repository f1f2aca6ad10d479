"""The I3D network that FVD looks with: logits of clips of 224 x 224.

Source: Carreira and Zisserman 2017, "Quo Vadis, Action Recognition?", RGB stream, padded as
TensorFlow pads; the key layout is that of its usual port to PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .files import FeatureFile, read_state

SIZE, LEAST_FRAMES = 224, 10
_EPSILON = 1e-3
_MIXED = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
_BRANCHES = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
_NORM = ("weight", "bias", "running_mean", "running_var")
_POOLS: Mapping[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {  # before this block
    "3b": ((1, 3, 3), (1, 2, 2)),
    "4b": ((3, 3, 3), (2, 2, 2)),
    "5b": ((2, 2, 2), (2, 2, 2)),
}

State = Mapping[str, Tensor]


def load_i3d(file: FeatureFile) -> dict[str, Tensor]:
    """Read the weights.

    Raises:
        CheckpointError: They do not fit.
    """
    return read_state(file, keys())


def keys() -> list[str]:
    """List the tensors of the network."""
    units = ["Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"]
    units += [f"Mixed_{block}.{branch}" for block in _MIXED for branch in _BRANCHES]
    return [*_unit_keys(units), "logits.conv3d.weight", "logits.conv3d.bias"]


@torch.no_grad()
def i3d_features(state: State, clips: Tensor) -> Tensor:
    """Compute the features of clips.

    Args:
        state: The weights.
        clips: (B, 3, F, 224, 224) in -1..1, ten frames or more.

    Returns:
        (B, C), the logits, averaged over time; C is 400.
    """
    x = _unit(state, "Conv3d_1a_7x7", clips, stride=2)
    x = _pool(x, (1, 3, 3), (1, 2, 2))
    x = _unit(state, "Conv3d_2c_3x3", _unit(state, "Conv3d_2b_1x1", x))
    for block in _MIXED:
        if block in _POOLS:
            x = _pool(x, *_POOLS[block])
        x = _mixed(state, f"Mixed_{block}", x)
    x = F.avg_pool3d(x, (min(2, x.shape[2]), *x.shape[3:]), stride=1)
    x = F.conv3d(x, state["logits.conv3d.weight"], state["logits.conv3d.bias"])
    return x.mean(dim=(2, 3, 4))


def _mixed(state: State, name: str, x: Tensor) -> Tensor:
    branches = [
        _unit(state, f"{name}.b0", x),
        _unit(state, f"{name}.b1b", _unit(state, f"{name}.b1a", x)),
        _unit(state, f"{name}.b2b", _unit(state, f"{name}.b2a", x)),
        _unit(state, f"{name}.b3b", _pool(x, (3, 3, 3), (1, 1, 1))),
    ]
    return torch.cat(branches, dim=1)


def _unit(state: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{name}.conv3d.weight"]
    x = _pad(x, tuple(weight.shape[2:]), (stride,) * 3)
    x = F.conv3d(x, weight, stride=stride)
    scale, bias, mean, variance = (state[f"{name}.bn.{part}"] for part in _NORM)
    return F.relu(F.batch_norm(x, mean, variance, scale, bias, eps=_EPSILON))


def _pool(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    return F.max_pool3d(_pad(x, kernel, stride), kernel, stride)


def _pad(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Pad with zeros as TensorFlow's SAME does: the odd one behind."""
    sides: list[int] = []
    for length, k, s in reversed(list(zip(x.shape[2:], kernel, stride, strict=True))):
        lacking = max(0, (-(-length // s) - 1) * s + k - length)
        sides += [lacking // 2, lacking - lacking // 2]
    return F.pad(x, sides)


def _unit_keys(units: list[str]) -> Iterator[str]:
    for unit in units:
        yield f"{unit}.conv3d.weight"
        yield from (f"{unit}.bn.{part}" for part in _NORM)
