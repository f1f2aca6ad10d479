"""Read diffusers' key names as LDM keys, so that a diffusers folder is one more weight file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ..models.sd15 import ControlNetShape, UNetShape, VaeShape
from .checkpoint import Checkpoint
from .ldm import WeightMap, controlnet_map, text_map, unet_map, vae_map

_MOST_COUNTED = 16  # blocks of a kind; more have no place in the plan and keep their names
# The autoencoder published with SD 1.5 still has the attention names of early diffusers.
_OLD_VAE_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}


def unet_keys(file: Checkpoint) -> dict[str, str]:
    """Map the U-Net's bare LDM keys to stored ones; empty where the file holds none."""
    names = _bare(file, ("unet/", ""), "conv_norm_out.weight")
    return _ldm_keys(names, unet_map(_plan(names)), lambda name: name)


def controlnet_keys(file: Checkpoint) -> dict[str, str]:
    """Map a ControlNet's bare LDM keys to stored ones; empty where the file holds none."""
    embedding = "controlnet_cond_embedding."
    names = _bare(file, ("controlnet/", ""), f"{embedding}conv_in.weight")
    inner = _count(f"{embedding}blocks.{{}}.weight", names)
    shape = ControlNetShape(unet=_plan(names), hint_channels=(0,) * (inner // 2 + 1))

    def module_name(name: str) -> str:
        if name.startswith(embedding):
            return f"hint_embedding.{name.removeprefix(embedding)}"
        return f"controlnet.{name}"

    return _ldm_keys(names, controlnet_map(shape), module_name)


def vae_keys(file: Checkpoint) -> dict[str, str]:
    """Map the autoencoder's bare LDM keys to stored ones; empty where the file holds none."""
    names = _bare(file, ("vae/", ""), "encoder.conv_norm_out.weight")
    shape = VaeShape(
        channels=(0,) * _count("encoder.down_blocks.{}.resnets.0.conv1.weight", names),
        resnets=_count("encoder.down_blocks.0.resnets.{}.conv1.weight", names),
    )

    def modern_name(name: str) -> str:
        for old, new in _OLD_VAE_NAMES.items():
            name = name.replace(old, new)
        return name

    return _ldm_keys(names, vae_map(shape), modern_name)


def text_keys(file: Checkpoint) -> dict[str, str]:
    """Map the text encoder's bare LDM keys to stored ones; empty where the file holds none."""
    prefixes = ("text_encoder/text_model.", "text_encoder/")
    names = _bare(file, prefixes, "embeddings.token_embedding.weight")
    return _ldm_keys(names, text_map(""), lambda name: f"clip.{name}")


def _bare(file: Checkpoint, prefixes: Iterable[str], needed: str) -> dict[str, str]:
    """Take the prefix off the keys of the sub-model that has the key ``needed``."""
    for prefix in prefixes:
        if prefix + needed in file.tensors:
            return {
                key[len(prefix) :]: key
                for key in file.tensors
                if key.startswith(prefix) and ".motion_modules." not in key  # a part of its own
            }
    return {}


def _ldm_keys(
    names: dict[str, str], weight_map: WeightMap, module_name: Callable[[str], str]
) -> dict[str, str]:
    """Rename; a key that the map does not know keeps its name, so that loading can refuse it."""
    return {weight_map.ldm_key(module_name(name)) or name: stored for name, stored in names.items()}


def _plan(names: Collection[str]) -> UNetShape:
    """Count levels and ResBlocks; the widths do not enter the names."""
    levels = _count("down_blocks.{}.resnets.0.conv1.weight", names)
    return UNetShape(
        channels=(0,) * levels,
        attention=tuple(
            f"down_blocks.{level}.attentions.0.norm.weight" in names for level in range(levels)
        ),
        resnets=_count("down_blocks.0.resnets.{}.conv1.weight", names),
    )


def _count(pattern: str, names: Collection[str]) -> int:
    return sum(pattern.format(index) in names for index in range(_MOST_COUNTED))
