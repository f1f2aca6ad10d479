"""Recognise by its keys what a weight file holds, and look at one sub-model of it.

The prefixes of all layouts have their home here. A sub-model is a view of the file under bare LDM
keys, so that everything behind this module knows one layout only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import CheckpointError
from . import diffusers_layout
from .checkpoint import Checkpoint
from .motion import describe_motion, motion_keys, motion_stranger

PartName = Literal["unet", "appearance", "pose", "vae", "text", "motion"]
PARTS: tuple[PartName, ...] = ("unet", "appearance", "pose", "vae", "text")
"""What a whole model is made of; a motion module is one more."""
RELEASED_PREFIXES: Mapping[PartName, str] = {
    "unet": "model.diffusion_model.",
    "appearance": "appearance_control_model.",
    "pose": "pose_control_model.",
    "vae": "first_stage_model.",
    "text": "cond_stage_model.",
    "motion": "",  # AnimateDiff's files hold nothing else
}
# `control_model.` is the appearance control model after stage 1, and a ControlNet everywhere else
_OTHER_PREFIXES: Mapping[PartName, tuple[str, ...]] = {
    "unet": (),
    "appearance": ("control_model.",),
    "pose": ("control_model.", ""),
    "vae": ("",),
    "text": (),
}
_NEEDED: Mapping[PartName, tuple[str, ...]] = {
    "unet": ("input_blocks.0.0.weight", "out.2.weight"),
    "appearance": ("input_blocks.0.0.weight", "output_blocks.0.0.in_layers.0.weight"),
    "pose": ("input_blocks.0.0.weight", "zero_convs.0.0.weight"),
    "vae": ("encoder.down.0.block.0.conv1.weight", "decoder.conv_in.weight"),
    "text": ("transformer.text_model.embeddings.token_embedding.weight",),
}
_FIRST_CONVOLUTION = ("input_blocks.0.0.weight", "unet/conv_in.weight")
PART_TITLES: Mapping[PartName, str] = {
    "unet": "Stable Diffusion U-Net",
    "appearance": "appearance control model",
    "pose": "pose ControlNet",
    "vae": "autoencoder",
    "text": "text encoder",
    "motion": "motion module",
}


@dataclass(frozen=True)
class Part:
    """A sub-model in a file.

    Attributes:
        name: Which one.
        file: The file that it lies in.
        keys: Its bare LDM key -> the key in the file.
    """

    name: PartName
    file: Checkpoint
    keys: Mapping[str, str]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Bare LDM key -> shape."""
        return {key: self.file.tensors[stored].shape for key, stored in self.keys.items()}


def find_parts(file: Checkpoint) -> dict[PartName, Part]:
    """Find the sub-models of a file; a file of something else gives an empty dictionary."""
    found: dict[PartName, Part] = {}
    if _stranger(file):
        return found
    for name in PARTS:
        keys = _ldm_keys(file, name) or _diffusers_keys(file, name)
        if keys:
            found[name] = Part(name, file, keys)
    if motion := motion_keys(file):
        found["motion"] = Part("motion", file, motion)
    return found


def find_part(file: Checkpoint, name: PartName) -> Part:
    """Find one sub-model.

    Raises:
        CheckpointError: The file lacks it; says what the file is instead.
    """
    parts = find_parts(file)
    if name not in parts:
        raise CheckpointError(
            f"{file.path.name} holds no {PART_TITLES[name]}; it seems to be {describe(file)}"
        )
    return parts[name]


def describe(file: Checkpoint) -> str:
    """Say in the users' words what a file seems to be."""
    stranger = _stranger(file)
    if stranger:
        return stranger
    names = set(find_parts(file))
    if names == {"motion"}:
        return describe_motion(file)
    beside = " and a motion module" if "motion" in names else ""
    return _describe_model(file, names) + beside


def _describe_model(file: Checkpoint, names: set[PartName]) -> str:
    if {"unet", "appearance", "pose"} <= names:
        return "a whole MagicPose model"
    if {"unet", "appearance"} <= names:
        return "a MagicPose appearance pretraining checkpoint (stage 1)"
    if {"unet", "pose"} <= names:
        return "a ControlNet with its Stable Diffusion 1.5 (such as control_sd15_ini)"
    if "unet" in names:
        return "a Stable Diffusion 1.5 model"
    if names:
        return " and ".join(f"a lone {PART_TITLES[name]}" for name in PARTS if name in names)
    return f"something unknown (first keys: {', '.join(list(file.tensors)[:3])})"


def leftover_keys(file: Checkpoint) -> list[str]:
    """List the keys that belong to no sub-model: schedule buffers, training state."""
    used = {stored for part in find_parts(file).values() for stored in part.keys.values()}
    return [key for key in file.tensors if key not in used]


def _ldm_keys(file: Checkpoint, name: PartName) -> dict[str, str]:
    for prefix in (RELEASED_PREFIXES[name], *_OTHER_PREFIXES[name]):
        if all(prefix + key in file.tensors for key in _NEEDED[name]):
            return {key[len(prefix) :]: key for key in file.tensors if key.startswith(prefix)}
    return {}


def _diffusers_keys(file: Checkpoint, name: PartName) -> dict[str, str]:
    readers = {
        "unet": diffusers_layout.unet_keys,
        "pose": diffusers_layout.controlnet_keys,
        "vae": diffusers_layout.vae_keys,
        "text": diffusers_layout.text_keys,
    }
    return readers[name](file) if name in readers else {}


def _stranger(file: Checkpoint) -> str | None:
    """Name the common files that look alike but are something else."""
    if motion := motion_stranger(file):
        return motion
    keys = file.tensors
    if _any(keys, ("lora_down", "lora_up", "lora_A", "lora_B")):
        return "a LoRA"
    if _any(keys, ("double_blocks", "joint_blocks", "transformer_blocks.0.attn.to_q")):
        return "a transformer model (Flux, SD3), not Stable Diffusion 1.5"
    widths = {
        info.shape[1]
        for key, info in keys.items()
        if key.endswith("attn2.to_k.weight") and len(info.shape) == 2
    }
    if 2048 in widths or _any(keys, ("conditioner.embedders",)):
        return "a Stable Diffusion XL model"
    if 1024 in widths:
        return "a Stable Diffusion 2 model"
    inputs = {info.shape[1:2] for key, info in keys.items() if key.endswith(_FIRST_CONVOLUTION)}
    if inputs & {(8,), (9,)}:
        return "a Stable Diffusion model for inpainting or editing"
    return None


def _any(keys: Iterable[str], parts: tuple[str, ...]) -> bool:
    return any(part in key for key in keys for part in parts)
