"""Run the appearance control model in ComfyUI and remember what it yields for each timestep."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping

import comfy.model_patcher
import torch
import torch.nn.functional as F
from torch import Tensor

from ..comfy_types import Options

BlockId = tuple[str, int]  # ComfyUI's name of a U-Net block, ("input", 1)
Features = Mapping[BlockId, Tensor]  # block -> (1, L, C), the input of its self-attention


class _AllCollectedError(Exception):
    """The last attention input has been read; nothing behind it is needed."""


def collect_features(
    appearance_model: comfy.model_patcher.ModelPatcher,
    latents: Tensor,
    timestep: Tensor,
    text: Tensor,
    mask: Tensor | None = None,
) -> Features:
    """Run the appearance control model up to the last input of a self-attention.

    It runs without the patches of any other node. Several references are read as one, their tokens
    in a row.

    Args:
        appearance_model: The appearance control model, loaded on its device.
        latents: (R, 4, h, w) scaled reference latents.
        timestep: (1,) the timestep of the frames.
        text: (1, L, C) text embedding.
        mask: (R, 1, h, w); tokens with any cell above 0.5 are kept. None keeps all.

    Returns:
        Every transformer block with its tokens, (1, R L, C) or fewer with a mask.

    Source: Chang et al. 2024, section 3.2.
    """
    network = appearance_model.model.diffusion_model
    dtype = appearance_model.model.manual_cast_dtype or appearance_model.model.get_dtype()
    device = appearance_model.load_device
    count = latents.shape[0]
    last = ("output", len(network.output_blocks) - 1)
    features: dict[BlockId, Tensor] = {}

    def read(
        tokens: Tensor, context: Tensor, value: Tensor, options: Options
    ) -> tuple[Tensor, Tensor, Tensor]:
        block = options["block"]
        features[block] = _offered(tokens, mask, options["activations_shape"][-2:])
        if block == last:
            raise _AllCollectedError
        return tokens, context, value

    with contextlib.suppress(_AllCollectedError):
        network(
            latents.to(device, dtype),
            timestep.to(device).expand(count),
            context=text.to(device, dtype).expand(count, -1, -1),
            transformer_options={"patches": {"attn1_patch": [read]}},
        )
    return features


def _offered(tokens: Tensor, mask: Tensor | None, size: tuple[int, int]) -> Tensor:
    """(R, L, C) -> (1, N, C): the tokens of all references, those outside the mask left out."""
    row = tokens.flatten(0, 1)[None]
    if mask is None:
        return row
    kept = F.adaptive_max_pool2d(mask.to(tokens), size).flatten() > 0.5
    return row[:, kept]


class FeatureCache:
    """Features by timestep, the least recently used out first, bounded in bytes.

    The features in use are always held, so that frames and windows share one appearance pass.

    Args:
        limit: Bytes to keep besides the features in use; 0 keeps those alone.
        device: Where to keep them.
    """

    def __init__(self, limit: int, device: torch.device) -> None:
        self._limit = limit
        self._device = device
        self._kept: OrderedDict[object, Features] = OrderedDict()
        self._in_use: tuple[object, Features] | None = None

    def fetch(self, key: object, device: torch.device, compute: Callable[[], Features]) -> Features:
        """Return the features of ``key`` on ``device``, computing them where they are not kept."""
        if self._in_use is not None and self._in_use[0] == key:
            return self._in_use[1]
        if key in self._kept:
            self._kept.move_to_end(key)
            features = _move(self._kept[key], device)
        else:
            features = compute()
            self._keep(key, features)
        self._in_use = (key, features)
        return features

    def release(self, device: torch.device) -> None:
        """Let go of everything that lies on ``device``."""
        self._in_use = None
        if self._device == device:
            self._kept.clear()

    @property
    def nbytes(self) -> int:
        """Bytes kept besides the features in use."""
        return sum(_nbytes(features) for features in self._kept.values())

    def _keep(self, key: object, features: Features) -> None:
        if _nbytes(features) > self._limit:
            return
        self._kept[key] = _move(features, self._device)
        while self.nbytes > self._limit:
            self._kept.popitem(last=False)


def _move(features: Features, device: torch.device) -> Features:
    return {block: tokens.to(device) for block, tokens in features.items()}


def _nbytes(features: Features) -> int:
    return sum(tokens.nbytes for tokens in features.values())
