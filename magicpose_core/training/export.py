"""Write trained networks under the keys of the released checkpoints, for every loader to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..models.denoiser import MagicPoseDenoiser
from ..weights.checkpoint import TensorInfo
from ..weights.contents import RELEASED_PREFIXES, PartName
from ..weights.heads import Heads
from ..weights.notes import NOTE_KEY, ModelNote, write_note
from ..weights.recipes import RECIPES
from ..weights.safetensors_stream import write_safetensors

Prefixes = Mapping[PartName, str]
STAGE1_PREFIXES: Prefixes = {**RELEASED_PREFIXES, "appearance": "control_model."}
"""Appearance pretraining is released with the appearance model as ``control_model.``."""


def denoiser_parts(denoiser: MagicPoseDenoiser) -> dict[PartName, nn.Module]:
    """Name the networks of a denoiser."""
    parts: dict[PartName, nn.Module | None] = {
        "unet": denoiser.unet,
        "appearance": denoiser.appearance,
        "pose": denoiser.pose,
    }
    return {name: network for name, network in parts.items() if network is not None}


def export(
    path: Path,
    networks: Mapping[PartName, nn.Module],
    *,
    dtype: torch.dtype,
    heads: Heads,
    prefixes: Prefixes = RELEASED_PREFIXES,
    note: ModelNote | None = None,
) -> Path:
    """Write networks to one safetensors file, atomically.

    Args:
        path: The file.
        networks: Sub-model -> network, as its recipe builds it.
        dtype: Of the weights in the file.
        heads: Noted in the metadata, since no tensor tells them.
        prefixes: What stands before the keys of each sub-model.
        note: What the file says of them.

    Raises:
        OutputError: The disk is full; a file that was there is left as it was.
    """
    tensors: dict[str, Tensor] = {}
    for name, network in networks.items():
        weight_map = RECIPES[name].weight_map(network)
        for key, tensor in network.state_dict().items():
            ldm_key = weight_map.ldm_key(key)
            if ldm_key is not None:
                tensors[prefixes[name] + ldm_key] = weight_map.to_ldm(ldm_key, tensor)
        for copy, original in weight_map.copies.items():
            tensors[prefixes[name] + copy] = tensors[prefixes[name] + original]
    infos = {
        key: TensorInfo(tuple(tensor.shape), dtype if tensor.is_floating_point() else tensor.dtype)
        for key, tensor in tensors.items()
    }
    metadata = {"format": "pt", **heads.note()}
    if note is not None:
        metadata[NOTE_KEY] = write_note(note)
    write_safetensors(path, infos, lambda key: tensors[key].detach().cpu(), metadata)
    return path
