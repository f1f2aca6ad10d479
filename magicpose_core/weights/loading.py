"""Put the tensors of weight files into networks: strictly, and one tensor at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from ..errors import CheckpointError
from ..models.appearance import AppearanceControlModel
from ..models.denoiser import MagicPoseDenoiser
from ..models.networks import build_unet, build_vae
from ..models.pose_control import PoseControlNet
from ..models.text import TextEncoder
from .checkpoint import open_checkpoint
from .contents import PART_TITLES, PARTS, Part, PartName, describe, find_part, find_parts
from .infer import (
    HEADS_KEY,
    TEXT_HEADS_KEY,
    controlnet_shape,
    stored_number,
    text_shape,
    unet_shape,
    vae_shape,
)
from .ldm import WeightMap, appearance_map, controlnet_map, text_map, unet_map, vae_map

Network = TypeVar("Network", bound=nn.Module)

_IGNORED = ("transformer.text_model.embeddings.position_ids",)  # 0..76, which newer CLIPs count


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """Where each sub-model comes from.

    Attributes:
        checkpoint: The whole model, or the one that everything not named below comes from.
        appearance: File of the appearance control model.
        pose: File of the pose ControlNet.
        vae: File of the autoencoder.
        heads: Attention heads of the U-Nets; None reads the file's metadata, else takes 8.
        text_heads: Attention heads of the text encoder; None likewise, see ``infer.text_shape``.
    """

    checkpoint: Path
    appearance: Path | None = None
    pose: Path | None = None
    vae: Path | None = None
    heads: int | None = None
    text_heads: int | None = None


@dataclass(frozen=True, kw_only=True)
class MagicPoseModels:
    """All networks, ready to run.

    Attributes:
        denoiser: U-Net, appearance control model and pose ControlNet.
        vae: The autoencoder.
        text: The text encoder.
    """

    denoiser: MagicPoseDenoiser
    vae: AutoencoderKL
    text: TextEncoder


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where networks go and what tensor shapes do not say.

    Attributes:
        device: Where the networks go.
        dtype: What their weights are kept in.
        heads: Attention heads of the U-Nets.
        text_heads: Attention heads of the text encoder; None: see ``infer.text_shape``.
    """

    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32
    heads: int = 8
    text_heads: int | None = None


def load_models(
    files: ModelFiles, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> MagicPoseModels:
    """Load a whole model from one file or several.

    Args:
        files: Where each sub-model comes from.
        device: Where the networks go.
        dtype: What their weights are kept in.

    Raises:
        CheckpointError: A sub-model is missing, damaged, incomplete or of another architecture.
    """
    parts = gather_parts(files)
    metadata = parts["unet"].file.metadata
    placement = Placement(
        device=device,
        dtype=dtype,
        heads=files.heads or stored_number(metadata, HEADS_KEY) or Placement.heads,
        text_heads=files.text_heads
        or stored_number(parts["text"].file.metadata, TEXT_HEADS_KEY),
    )
    return MagicPoseModels(
        denoiser=MagicPoseDenoiser(
            load_unet(parts["unet"], placement),
            load_appearance(parts["appearance"], placement),
            load_pose(parts["pose"], placement),
        ),
        vae=load_vae(parts["vae"], placement),
        text=load_text(parts["text"], placement),
    )


def gather_parts(files: ModelFiles) -> dict[PartName, Part]:
    """Find each sub-model in the file that is named for it, or else in the checkpoint.

    Raises:
        CheckpointError: A sub-model is nowhere; names the option that adds it.
    """
    base = open_checkpoint(files.checkpoint)
    parts = find_parts(base)
    named: Mapping[PartName, Path | None] = {
        "appearance": files.appearance,
        "pose": files.pose,
        "vae": files.vae,
    }
    for name, path in named.items():
        if path is not None:
            parts[name] = find_part(open_checkpoint(path), name)
    missing = [name for name in PARTS if name not in parts]
    if missing:
        options = ", ".join(f"--{name} FILE" for name in missing if name in named)
        raise CheckpointError(
            f"{base.path.name} is {describe(base)} and lacks the "
            f"{' and the '.join(PART_TITLES[name] for name in missing)}; "
            f"{'add ' + options if options else 'give a whole model as the checkpoint'}"
        )
    return parts


def load_unet(part: Part, placement: Placement) -> UNet2DConditionModel:
    """Load the U-Net, with the reference attention on every layer."""
    shape = unet_shape(part.shapes, heads=placement.heads)
    with torch.device("meta"):
        unet = build_unet(shape)
    return _fill(unet, part, unet_map(shape), placement)


def load_appearance(part: Part, placement: Placement) -> AppearanceControlModel:
    """Load the appearance control model; the hint block that it never uses may be absent."""
    shape = controlnet_shape(part.shapes, heads=placement.heads)
    with torch.device("meta"):
        appearance = AppearanceControlModel(shape)
    return _fill(
        appearance, part, appearance_map(shape.unet), placement, optional="input_hint_block."
    )


def load_pose(part: Part, placement: Placement) -> PoseControlNet:
    """Load the pose ControlNet."""
    shape = controlnet_shape(part.shapes, heads=placement.heads)
    with torch.device("meta"):
        pose = PoseControlNet(shape)
    return _fill(pose, part, controlnet_map(shape), placement)


def load_vae(part: Part, placement: Placement) -> AutoencoderKL:
    """Load the autoencoder."""
    shape = vae_shape(part.shapes)
    with torch.device("meta"):
        vae = build_vae(shape)
    return _fill(vae, part, vae_map(shape), placement)


def load_text(part: Part, placement: Placement) -> TextEncoder:
    """Load the text encoder."""
    # built with memory of its own: it has buffers that no checkpoint fills
    text = TextEncoder(text_shape(part.shapes, heads=placement.text_heads))
    return _fill(text, part, text_map(text.level), placement)


def _fill(
    network: Network,
    part: Part,
    weight_map: WeightMap,
    placement: Placement,
    optional: str | None = None,
) -> Network:
    """Fill a network strictly; keys below the ``optional`` prefix may be absent and become zero."""
    wanted = {
        weight_map.ldm_key(name) or name: (name, tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }
    _check(part, {key: shape for key, (_, shape) in wanted.items()}, optional)
    state = {}
    for key, (name, shape) in wanted.items():
        if key in part.keys:
            stored = weight_map.to_diffusers(key, part.file.read(part.keys[key]))
        else:
            stored = torch.zeros(shape)
        state[name] = stored.to(placement.device, placement.dtype)
    network.load_state_dict(state, strict=True, assign=True)
    return network.to(placement.device).eval().requires_grad_(False)


def _check(part: Part, wanted: Mapping[str, tuple[int, ...]], optional: str | None) -> None:
    missing = [
        key
        for key in wanted
        if key not in part.keys and not (optional is not None and key.startswith(optional))
    ]
    unexpected = [key for key in part.keys if key not in wanted and key not in _IGNORED]
    reshaped = [
        f"{key} {shape}, expected {wanted[key]}"
        for key, shape in part.shapes.items()
        if key in wanted and math.prod(shape) != math.prod(wanted[key])
    ]
    problems = [
        f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for what, keys in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", reshaped),
        )
        if keys
    ]
    if problems:
        raise CheckpointError(
            f"the {PART_TITLES[part.name]} in {part.file.path.name} does not fit: "
            f"{'; '.join(problems)}. The file seems to be {describe(part.file)}"
        )
