"""Motion modules in files: the key map, and how they are told from their keys.

Their bare keys are AnimateDiff's own. diffusers' MotionAdapter keeps one table of positions where
the original keeps it twice, once for each attention.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ..models.motion_plan import MotionShape
from .checkpoint import Checkpoint
from .infer import MOTION_INSIDE
from .ldm import WeightMap

_MODULE = re.compile(
    r"(?:module\.|unet/)?(?P<place>(?:(?:down|up)_blocks\.\d{1,2}|mid_block)"
    r"\.motion_modules\.\d{1,2})\.(?P<rest>.+)"
)
_BLOCK = "transformer_blocks.0"
_TABLES = tuple(f"{_BLOCK}.attention_blocks.{attention}.pos_encoder" for attention in (0, 1))
_PARTS = (  # of a temporal transformer: AnimateDiff's name, diffusers' name
    ("norm", "norm"),
    ("proj_in", "proj_in"),
    ("proj_out", "proj_out"),
    (_TABLES[0], f"{_BLOCK}.pos_embed"),
    (f"{_BLOCK}.attention_blocks.0", f"{_BLOCK}.attn1"),
    (f"{_BLOCK}.attention_blocks.1", f"{_BLOCK}.attn2"),
    (f"{_BLOCK}.norms.0", f"{_BLOCK}.norm1"),
    (f"{_BLOCK}.norms.1", f"{_BLOCK}.norm2"),
    (f"{_BLOCK}.ff_norm", f"{_BLOCK}.norm3"),
    (f"{_BLOCK}.ff", f"{_BLOCK}.ff"),
)
_RELATIVES: Mapping[str, str] = {  # what a file has beside the modules -> what it is
    "img_encoder.": "a motion module that reads a picture (AnimateLCM-I2V)",
    "fps_embedding.": "a motion module that reads a frame rate (FancyVideo)",
    "controlnet_cond_embedding.": "a SparseCtrl encoder of AnimateDiff",
}
_PLANS: Mapping[int | None, str] = {  # rows of the table of positions, without a middle block
    24: "AnimateDiff v1",
    32: "AnimateDiff v3",
    64: "LongAnimateDiff",
    None: "AnimateLCM",
}


def motion_map(shape: MotionShape) -> WeightMap:
    """Map a motion module between AnimateDiff's own layout and diffusers' MotionAdapter."""
    pairs, copies = [], {}
    for place in _places(shape):
        inside = f"{place}.{MOTION_INSIDE}"
        pairs += [(inside + own, f"{place}.{diffusers}") for own, diffusers in _PARTS]
        copies[f"{inside}{_TABLES[1]}.pe"] = f"{inside}{_TABLES[0]}.pe"
    return WeightMap(tuple(pairs), copies=copies)


def motion_keys(file: Checkpoint) -> dict[str, str]:
    """Map the module's keys in AnimateDiff's layout to stored ones; empty where there is none."""
    keys: dict[str, str] = {}
    for stored in file.tensors:
        found = _MODULE.fullmatch(stored)
        if found:
            keys |= dict.fromkeys(_own_keys(found["place"], found["rest"]), stored)
    return keys


def describe_motion(file: Checkpoint) -> str:
    """Say in the users' words which motion module a file holds."""
    own = motion_keys(file)
    rows = {file.tensors[stored].shape[1:2] for key, stored in own.items() if key.endswith(".pe")}
    positions = next(iter(rows))[0] if rows and () not in rows else None
    modules = len({key.partition(f".{MOTION_INSIDE}")[0] for key in own})
    middle = any(key.startswith("mid_block.") for key in own)
    version = "AnimateDiff v2" if middle else _PLANS.get(positions, "AnimateDiff's plan")
    told = "no table of positions" if positions is None else f"{positions} positions"
    return f"a motion module ({version}: {modules} temporal transformers, {told})"


def motion_stranger(file: Checkpoint) -> str | None:
    """Name what has keys of motion modules or like them, but is something else."""
    keys = file.tensors
    if any(".temporal_attentions." in key for key in keys):
        return "a motion module for Stable Diffusion XL (HotShot-XL)"
    own = motion_keys(file)
    if not own:
        return None
    if any("lora" in key for key in keys):
        return "a LoRA of a motion module (MotionLoRA)"
    for mark, name in _RELATIVES.items():
        if any(mark in key for key in keys):
            return name
    inputs = {info.shape[1:2] for key, info in keys.items() if key.endswith("conv_in.weight")}
    if (9,) in inputs:
        return "a motion module that changes the U-Net's input (PIA)"
    if len({key.split(".")[1] for key in own if key.startswith("down_blocks.")}) == 3:
        return "a motion module for Stable Diffusion XL"
    return None


def is_table(key: str) -> bool:
    """Tell whether a key in AnimateDiff's layout is a table of positions; AnimateLCM has none."""
    return key.endswith((f"{_TABLES[0]}.pe", f"{_TABLES[1]}.pe"))


def table_of_positions(key: str, shape: tuple[int, ...]) -> Tensor:
    """Compute the table that a file without one stands for, (1, F, C): sines and cosines.

    Source: Vaswani et al. 2017, section 3.5.
    """
    _, positions, channels = shape
    rates = torch.exp(torch.arange(0, channels, 2) * (-math.log(10000.0) / channels))
    angles = torch.arange(positions).unsqueeze(1) * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).reshape(1, positions, channels)


def _own_keys(place: str, rest: str) -> Iterator[str]:
    """Name what a stored key of a temporal transformer is in AnimateDiff's layout."""
    inside = f"{place}.{MOTION_INSIDE}"
    if rest == f"{_BLOCK}.pos_embed.pe":
        yield from (f"{inside}{table}.pe" for table in _TABLES)
        return
    for own, diffusers in _PARTS:
        if rest.startswith(f"{diffusers}."):
            yield inside + own + rest.removeprefix(diffusers)
            return
    yield f"{place}.{rest}"  # AnimateDiff's own, or unknown, so that loading can refuse it


def _places(shape: MotionShape) -> Iterator[str]:
    for section, count in (("down_blocks", shape.resnets), ("up_blocks", shape.resnets + 1)):
        for level in range(len(shape.channels)):
            yield from (f"{section}.{level}.motion_modules.{number}" for number in range(count))
    if shape.middle:
        yield "mid_block.motion_modules.0"
