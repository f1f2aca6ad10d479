"""Which files the networks come from; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..settings import Settings, setting

DtypeName = Literal["fp32", "fp16", "bf16"]
DTYPE_NAMES: tuple[DtypeName, ...] = get_args(DtypeName)


@dataclass(frozen=True, kw_only=True)
class LoraFile(Settings):
    """A LoRA that is added to the U-Net.

    Attributes:
        file: Its weights.
        strength: Factor on what it changes; 1 is what it was trained for.
    """

    file: Path
    strength: float = setting(1.0, minimum=-100, maximum=100, help="factor on what a LoRA changes")


@dataclass(frozen=True, kw_only=True)
class ModelFiles(Settings):
    """Where each sub-model comes from.

    Attributes:
        checkpoint: The whole model, or the one that everything not named below comes from.
        loras: Added to the U-Net, one after the other.
    """

    checkpoint: Path
    loras: tuple[LoraFile, ...] = ()
    appearance_model: Path | None = setting(None, help="file of the appearance control model")
    pose_controlnet: Path | None = setting(None, help="file of the pose ControlNet")
    vae: Path | None = setting(None, help="file of the autoencoder")
    motion_module: Path | None = setting(
        None,
        help="file of a motion module, through which frames see each other: AnimateDiff v1, v2 or "
        "v3, AnimateLCM, LongAnimateDiff, or diffusers' MotionAdapter",
    )
    heads: int | None = setting(
        None, minimum=1, help="attention heads of the U-Nets (not given: the file's note, or 8)"
    )
    text_heads: int | None = setting(
        None, minimum=1, help="heads of the text encoder (not given: the file's note, or 12)"
    )
