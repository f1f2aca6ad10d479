"""The numbers of Stable Diffusion 1.5 and the walk through its blocks.

Everything that must know "which block comes where" reads it here: the key map, the attention
layers of the appearance control model, and ComfyUI's block ids. Narrower networks of the same
plan (the demo model, test models) are other values of the same shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

LATENT_SCALE = 0.18215  # Rombach et al. 2022, the scale of the published SD 1.x autoencoder
LATENT_STRIDE = 8  # pixels a latent cell
SIZE_MULTIPLE = 64  # the U-Net halves the latents three times
NORM_GROUPS = 32

BlockKind = Literal["resnet", "attention", "downsample", "upsample"]


@dataclass(frozen=True, kw_only=True)
class UNetShape:
    """What the architecture of a U-Net or ControlNet of the SD 1.5 plan is made of.

    Attributes:
        channels: Channels of each level, the finest first.
        attention: Whether the ResBlocks of a level are followed by a transformer block.
        resnets: ResBlocks per level on the way down (one more on the way up).
        context: Width of the text embedding.
        heads: Attention heads of every block; not readable from tensor shapes.
        latent_channels: Channels of the latents.
    """

    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    attention: tuple[bool, ...] = (True, True, True, False)
    resnets: int = 2
    context: int = 768
    heads: int = 8
    latent_channels: int = 4


@dataclass(frozen=True, kw_only=True)
class ControlNetShape:
    """A ControlNet: the plan of the U-Net that it steers and the widths of its hint embedding."""

    unet: UNetShape = UNetShape()
    hint_channels: tuple[int, ...] = (16, 32, 96, 256)


@dataclass(frozen=True, kw_only=True)
class VaeShape:
    """The autoencoder: channels of each level (the finest first), ResBlocks per level, latents."""

    channels: tuple[int, ...] = (128, 256, 512, 512)
    resnets: int = 2
    latent_channels: int = 4


@dataclass(frozen=True, kw_only=True)
class TextShape:
    """The CLIP text encoder; the number of heads is not readable from tensor shapes."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    feed_forward: int = 3072
    vocabulary: int = 49408
    positions: int = 77


@dataclass(frozen=True)
class Block:
    """One ResBlock, transformer or resampler, by its place in both layouts.

    Attributes:
        kind: What it is.
        ldm: Its prefix in the layout of the released checkpoints, ``input_blocks.1.1``.
        diffusers: Its prefix in diffusers' U-Net, ``down_blocks.0.attentions.0``.
    """

    kind: BlockKind
    ldm: str
    diffusers: str


def down_and_middle_blocks(shape: UNetShape) -> Iterator[Block]:
    """Walk the encoder and the middle, in the order of computation; ControlNets end here."""
    index = 0
    for level, attends in enumerate(shape.attention):
        for position in range(shape.resnets):
            index += 1
            inside = f"down_blocks.{level}"
            yield Block("resnet", f"input_blocks.{index}.0", f"{inside}.resnets.{position}")
            if attends:
                yield Block(
                    "attention", f"input_blocks.{index}.1", f"{inside}.attentions.{position}"
                )
        if level + 1 < len(shape.channels):
            index += 1
            yield Block(
                "downsample",
                f"input_blocks.{index}.0.op",
                f"down_blocks.{level}.downsamplers.0.conv",
            )
    yield Block("resnet", "middle_block.0", "mid_block.resnets.0")
    yield Block("attention", "middle_block.1", "mid_block.attentions.0")
    yield Block("resnet", "middle_block.2", "mid_block.resnets.1")


def up_blocks(shape: UNetShape) -> Iterator[Block]:
    """Walk the decoder in the order of computation, the coarsest level first."""
    index = 0
    for up, attends in enumerate(reversed(shape.attention)):
        for position in range(shape.resnets + 1):
            inside = f"up_blocks.{up}"
            part = 0
            yield Block("resnet", f"output_blocks.{index}.0", f"{inside}.resnets.{position}")
            if attends:
                part += 1
                yield Block(
                    "attention", f"output_blocks.{index}.1", f"{inside}.attentions.{position}"
                )
            if position == shape.resnets and up + 1 < len(shape.channels):
                part += 1
                yield Block(
                    "upsample",
                    f"output_blocks.{index}.{part}.conv",
                    f"{inside}.upsamplers.0.conv",
                )
            index += 1


@dataclass(frozen=True)
class AttentionLayer:
    """A transformer block, in the order in which the appearance control model meets them.

    Attributes:
        name: Path of the block in diffusers' U-Net; ``.attn1`` and ``.attn2`` lie below it.
        comfy: Block id in ComfyUI's ``transformer_options["block"]``: section and index.
    """

    name: str
    comfy: tuple[str, int]

    @property
    def self_attention(self) -> str:
        """Path of the self-attention, whose input the appearance control model yields."""
        return f"{self.name}.attn1"


def attention_layers(shape: UNetShape) -> tuple[AttentionLayer, ...]:
    """List the transformer blocks in order: 16 in SD 1.5 (input 1 2 4 5 7 8, middle, output 3-11).

    Source: Chang et al. 2024, section 3.2 (appearance control); measured on the released model.
    """
    blocks = (*down_and_middle_blocks(shape), *up_blocks(shape))
    return tuple(
        AttentionLayer(f"{block.diffusers}.transformer_blocks.0", _comfy_id(block.ldm))
        for block in blocks
        if block.kind == "attention"
    )


def _comfy_id(ldm: str) -> tuple[str, int]:
    section, index, *_ = ldm.split(".")
    name = section.removesuffix("_blocks").removesuffix("_block")
    return name, 0 if name == "middle" else int(index)
