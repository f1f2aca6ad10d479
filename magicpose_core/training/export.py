"""Write trained networks under the keys of the released checkpoints, for every loader to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from ..models.denoiser import MagicPoseDenoiser
from ..models.sd15 import ControlNetShape, VaeShape
from ..models.text import TextEncoder
from ..weights.checkpoint import TensorInfo
from ..weights.contents import RELEASED_PREFIXES, PartName
from ..weights.infer import HEADS_KEY, TEXT_HEADS_KEY
from ..weights.ldm import WeightMap, appearance_map, controlnet_map, text_map, unet_map, vae_map
from ..weights.safetensors_stream import write_safetensors

Prefixes = Mapping[PartName, str]
STAGE1_PREFIXES: Prefixes = {**RELEASED_PREFIXES, "appearance": "control_model."}
"""Appearance pretraining is released with the appearance model as ``control_model.``."""


def denoiser_parts(
    denoiser: MagicPoseDenoiser, shape: ControlNetShape
) -> dict[PartName, tuple[nn.Module, WeightMap]]:
    """Pair the networks of a denoiser with their key maps."""
    parts: dict[PartName, tuple[nn.Module, WeightMap]] = {
        "unet": (denoiser.unet, unet_map(shape.unet))
    }
    if denoiser.appearance is not None:
        parts["appearance"] = (denoiser.appearance, appearance_map(shape.unet))
    if denoiser.pose is not None:
        parts["pose"] = (denoiser.pose, controlnet_map(shape))
    return parts


def vae_part(vae: AutoencoderKL) -> tuple[nn.Module, WeightMap]:
    """Pair an autoencoder with its key map."""
    config = vae.config
    shape = VaeShape(
        channels=tuple(config.block_out_channels),
        resnets=config.layers_per_block,
        latent_channels=config.latent_channels,
    )
    return vae, vae_map(shape)


def text_part(text: TextEncoder) -> tuple[nn.Module, WeightMap]:
    """Pair a text encoder with its key map."""
    return text, text_map(text.level)


def export(
    path: Path,
    parts: Mapping[PartName, tuple[nn.Module, WeightMap]],
    *,
    dtype: torch.dtype,
    heads: int,
    text_heads: int | None = None,
    prefixes: Prefixes = RELEASED_PREFIXES,
) -> Path:
    """Write networks to one safetensors file, atomically.

    Args:
        path: The file.
        parts: Sub-model -> network and key map.
        dtype: Of the weights in the file.
        heads: Attention heads, noted in the metadata since no shape tells them.
        text_heads: Those of the text encoder.
        prefixes: What stands before the keys of each sub-model.

    Raises:
        OutputError: The disk is full; a file that was there is left as it was.
    """
    tensors: dict[str, Tensor] = {}
    for name, (network, weight_map) in parts.items():
        for key, tensor in network.state_dict().items():
            ldm_key = weight_map.ldm_key(key)
            if ldm_key is not None:
                tensors[prefixes[name] + ldm_key] = weight_map.to_ldm(ldm_key, tensor)
    infos = {
        key: TensorInfo(tuple(tensor.shape), dtype if tensor.is_floating_point() else tensor.dtype)
        for key, tensor in tensors.items()
    }
    metadata = {"format": "pt", HEADS_KEY: str(heads)}
    if text_heads is not None:
        metadata[TEXT_HEADS_KEY] = str(text_heads)
    write_safetensors(path, infos, lambda key: tensors[key].detach().cpu(), metadata)
    return path
