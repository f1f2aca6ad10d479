"""The 3D ResNet that FID-VID looks with: features of 16 frames of 112 x 112.

Source: Hara et al. 2018, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?",
ResNet-50 with shortcut type B; the key layout is that of its released weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .files import FeatureFile, read_state

FRAMES, SIZE = 16, 112
PREFIX = "module."  # it was saved from several GPUs
BLOCKS = (3, 4, 6, 3)
_CLASSIFIER = ("fc.weight", "fc.bias")
_MEAN = (114.7748, 107.7354, 99.4750)  # of 0..255, as the network was trained
_NORM = ("weight", "bias", "running_mean", "running_var")

State = Mapping[str, Tensor]


def load_resnet3d(file: FeatureFile) -> dict[str, Tensor]:
    """Read the weights.

    Raises:
        CheckpointError: They do not fit.
    """
    return read_state(file, keys(), ignored=_CLASSIFIER, prefix=PREFIX)


def keys(blocks: tuple[int, ...] = BLOCKS) -> list[str]:
    """List the tensors of the network but for its classifier."""
    return list(_keys(blocks))


@torch.no_grad()
def resnet3d_features(state: State, clips: Tensor, blocks: tuple[int, ...] = BLOCKS) -> Tensor:
    """Compute the features of clips.

    Args:
        state: The weights.
        clips: (B, 3, F, H, W) in 0..255, F = 16, sides of 112.
        blocks: Blocks of the four stages.

    Returns:
        (B, C), the mean over time and place before the classifier; C is 2048.
    """
    x = clips - clips.new_tensor(_MEAN).view(1, 3, 1, 1, 1)
    x = F.conv3d(x, state["conv1.weight"], stride=(1, 2, 2), padding=3)
    x = F.max_pool3d(F.relu(_normalise(state, "bn1", x)), 3, stride=2, padding=1)
    for stage, count in enumerate(blocks, start=1):
        for block in range(count):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _bottleneck(state, f"layer{stage}.{block}", x, stride)
    return x.mean(dim=(2, 3, 4))


def _bottleneck(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    y = F.relu(_normalise(state, f"{name}.bn1", F.conv3d(x, state[f"{name}.conv1.weight"])))
    y = F.conv3d(y, state[f"{name}.conv2.weight"], stride=stride, padding=1)
    y = F.relu(_normalise(state, f"{name}.bn2", y))
    y = _normalise(state, f"{name}.bn3", F.conv3d(y, state[f"{name}.conv3.weight"]))
    if f"{name}.downsample.0.weight" in state:
        x = F.conv3d(x, state[f"{name}.downsample.0.weight"], stride=stride)
        x = _normalise(state, f"{name}.downsample.1", x)
    return F.relu(x + y)


def _normalise(state: State, name: str, x: Tensor) -> Tensor:
    weight, bias, mean, variance = (state[f"{name}.{part}"] for part in _NORM)
    return F.batch_norm(x, mean, variance, weight, bias)


def _keys(blocks: tuple[int, ...]) -> Iterator[str]:
    yield "conv1.weight"
    yield from _norm_keys("bn1")
    for stage, count in enumerate(blocks, start=1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            for part in (1, 2, 3):
                yield f"{name}.conv{part}.weight"
                yield from _norm_keys(f"{name}.bn{part}")
            if block == 0:
                yield f"{name}.downsample.0.weight"
                yield from _norm_keys(f"{name}.downsample.1")


def _norm_keys(name: str) -> Iterator[str]:
    yield from (f"{name}.{part}" for part in _NORM)
