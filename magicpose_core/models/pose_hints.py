"""Embed the pose maps of a clip, each once while memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..images import from_uint8
from .pose_control import PoseControlNet


class PoseMaps(Protocol):
    """The pose maps of a clip, in memory or on disk: (H, W, 3) uint8 RGB on black each."""

    def __len__(self) -> int: ...
    def __getitem__(self, frame: int, /) -> NDArray[np.uint8]: ...


class PoseHints:
    """Gives the embedded pose maps of some frames: ``frames -> (B, C, h, w)``.

    The embedding does not depend on the timestep, so it is kept from the first step on. Maps that
    the memory limit leaves no room for are embedded anew at each step.
    """

    def __init__(self, pose: PoseControlNet, pose_maps: PoseMaps, *, keep_bytes: int) -> None:
        """Wrap the maps; nothing is embedded yet.

        Args:
            pose: The network that embeds.
            pose_maps: F maps of one size.
            keep_bytes: Limit of the kept embeddings (5.2 MB per frame at 512 x 512 in float32).
        """
        self._pose = pose
        self._pose_maps = pose_maps
        self._free_bytes = keep_bytes
        self._kept: dict[int, Tensor] = {}

    @torch.no_grad()
    def __call__(self, frames: Sequence[int]) -> Tensor:
        """Embed the maps of ``frames``."""
        absent = [frame for frame in frames if frame not in self._kept]
        fresh = dict(zip(absent, self._embed(absent), strict=True)) if absent else {}
        for frame, hint in fresh.items():
            if self._free_bytes >= hint.nbytes:
                self._free_bytes -= hint.nbytes
                self._kept[frame] = hint.clone()  # a row's own memory, not the window's
        rows = [fresh[frame] if frame in fresh else self._kept[frame] for frame in frames]
        return torch.stack(rows)

    def _embed(self, frames: Sequence[int]) -> Tensor:
        maps = from_uint8(np.stack([self._pose_maps[frame] for frame in frames]))
        weight = next(self._pose.parameters())
        if weight.is_cuda:
            maps = maps.pin_memory()  # copied while the GPU works on what it has
        return self._pose.embed(maps.to(weight.device, non_blocking=True).to(weight.dtype))
