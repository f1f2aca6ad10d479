"""The one map between the released key layout (LDM) and diffusers', exact in both directions.

Pairs are made from block indices (``models.sd15`` knows the walk) and name modules or whole
subtrees; the rest of a key stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from ..models.sd15 import (
    Block,
    ControlNetShape,
    UNetShape,
    VaeShape,
    down_and_middle_blocks,
    up_blocks,
)

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class WeightMap:
    """Renames keys between the two layouts.

    Attributes:
        pairs: (LDM path, diffusers path) of modules or subtrees; both sides are unique.
        matrices: LDM paths of 1x1 convolutions that diffusers keeps as (out, in) matrices.
        copies: LDM keys that hold the same numbers as another: that key by this one. diffusers
            keeps them once.
    """

    pairs: tuple[tuple[str, str], ...]
    matrices: frozenset[str] = frozenset()
    copies: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _to_diffusers(self) -> dict[str, str]:
        return dict(self.pairs)

    @cached_property
    def _to_ldm(self) -> dict[str, str]:
        return {diffusers: ldm for ldm, diffusers in self.pairs}

    def diffusers_key(self, key: str) -> str | None:
        """Name the diffusers key of an LDM key, or None where the map does not know it."""
        return _rename(key, self._to_diffusers)

    def ldm_key(self, key: str) -> str | None:
        """Name the LDM key of a diffusers key, or None where the map does not know it."""
        return _rename(key, self._to_ldm)

    def to_diffusers(self, key: str, tensor: Tensor) -> Tensor:
        """Give the tensor of an LDM key the shape that diffusers keeps it in."""
        if self._is_matrix(key) and tensor.ndim == 4:
            return tensor.reshape(tensor.shape[:2])
        return tensor

    def to_ldm(self, key: str, tensor: Tensor) -> Tensor:
        """Give a tensor the shape in which the LDM layout keeps it under ``key`` (an LDM key)."""
        if self._is_matrix(key) and tensor.ndim == 2:
            return tensor.reshape(*tensor.shape, 1, 1)
        return tensor

    def _is_matrix(self, ldm_key: str) -> bool:
        module, _, name = ldm_key.rpartition(".")
        return name == "weight" and module in self.matrices


def _rename(key: str, modules: dict[str, str]) -> str | None:
    module = key
    while module:
        if module in modules:
            return modules[module] + key[len(module) :]
        module = module.rpartition(".")[0]
    return None


def unet_map(shape: UNetShape) -> WeightMap:
    """Map a whole U-Net (``model.diffusion_model.`` in the released layout)."""
    head = (("out.0", "conv_norm_out"), ("out.2", "conv_out"))
    return WeightMap((*_trunk(shape), *_decoder(shape), *head))


def appearance_map(shape: UNetShape) -> WeightMap:
    """Map the appearance control model: a U-Net without head, and a hint block it never uses."""
    inside = ((ldm, f"unet.{diffusers}") for ldm, diffusers in (*_trunk(shape), *_decoder(shape)))
    return WeightMap((*inside, ("input_hint_block", "unused_hint_block")))


def controlnet_map(shape: ControlNetShape) -> WeightMap:
    """Map a ControlNet v1.1 onto ``PoseControlNet``, whose hint embedding stands beside it."""
    inside = [(ldm, f"controlnet.{diffusers}") for ldm, diffusers in _trunk(shape.unet)]
    zero_convolutions = 1 + sum(1 for _ in _skips(shape.unet))
    inside += [
        (f"zero_convs.{index}.0", f"controlnet.controlnet_down_blocks.{index}")
        for index in range(zero_convolutions)
    ]
    inside.append(("middle_block_out.0", "controlnet.controlnet_mid_block"))
    return WeightMap((*inside, *_hint(len(shape.hint_channels))))


def vae_map(shape: VaeShape) -> WeightMap:
    """Map the autoencoder (``first_stage_model.``)."""
    levels = len(shape.channels)
    pairs = [("quant_conv", "quant_conv"), ("post_quant_conv", "post_quant_conv")]
    for side in ("encoder", "decoder"):
        pairs += [
            (f"{side}.conv_in", f"{side}.conv_in"),
            (f"{side}.conv_out", f"{side}.conv_out"),
            (f"{side}.norm_out", f"{side}.conv_norm_out"),
            *_vae_middle(side),
        ]
    for level in range(levels):
        for position in range(shape.resnets):
            pairs += _vae_resnet(
                f"encoder.down.{level}.block.{position}",
                f"encoder.down_blocks.{level}.resnets.{position}",
            )
        pairs.append(
            (
                f"encoder.down.{level}.downsample.conv",
                f"encoder.down_blocks.{level}.downsamplers.0.conv",
            )
        )
        up = levels - 1 - level  # LDM counts the decoder's levels from the finest
        for position in range(shape.resnets + 1):
            pairs += _vae_resnet(
                f"decoder.up.{level}.block.{position}",
                f"decoder.up_blocks.{up}.resnets.{position}",
            )
        pairs.append(
            (f"decoder.up.{level}.upsample.conv", f"decoder.up_blocks.{up}.upsamplers.0.conv")
        )
    attention = (
        f"{side}.mid.attn_1.{part}"
        for side in ("encoder", "decoder")
        for part in ("q", "k", "v", "proj_out")
    )
    return WeightMap(tuple(pairs), frozenset(attention))


def text_map(level: str) -> WeightMap:
    """Map the CLIP text encoder (``cond_stage_model.``) onto ``TextEncoder``.

    Args:
        level: What stands before ``embeddings`` in the installed transformers: ``text_model.``
            before version 5.6, nothing since.
    """
    parts = ("embeddings", "encoder", "final_layer_norm")
    return WeightMap(
        tuple((f"transformer.text_model.{part}", f"clip.{level}{part}") for part in parts)
    )


def _trunk(shape: UNetShape) -> Iterator[tuple[str, str]]:
    yield ("time_embed.0", "time_embedding.linear_1")
    yield ("time_embed.2", "time_embedding.linear_2")
    yield ("input_blocks.0.0", "conv_in")
    for block in down_and_middle_blocks(shape):
        yield from _block(block)


def _decoder(shape: UNetShape) -> Iterator[tuple[str, str]]:
    for block in up_blocks(shape):
        yield from _block(block)


def _skips(shape: UNetShape) -> Iterator[Block]:
    """Blocks whose output goes to the decoder, the first convolution left out."""
    for block in down_and_middle_blocks(shape):
        if block.ldm.startswith("input") and block.kind in ("resnet", "downsample"):
            yield block


def _block(block: Block) -> Iterator[tuple[str, str]]:
    if block.kind != "resnet":
        yield block.ldm, block.diffusers
        return
    for ldm, diffusers in (
        ("in_layers.0", "norm1"),
        ("in_layers.2", "conv1"),
        ("emb_layers.1", "time_emb_proj"),
        ("out_layers.0", "norm2"),
        ("out_layers.3", "conv2"),
        ("skip_connection", "conv_shortcut"),
    ):
        yield f"{block.ldm}.{ldm}", f"{block.diffusers}.{diffusers}"


def _hint(widths: int) -> Iterator[tuple[str, str]]:
    """The hint embedding: a convolution a width and one that halves, a SiLU between any two."""
    inner = 2 * (widths - 1)
    yield "input_hint_block.0", "hint_embedding.conv_in"
    for index in range(inner):
        yield f"input_hint_block.{2 * (index + 1)}", f"hint_embedding.blocks.{index}"
    yield f"input_hint_block.{2 * (inner + 1)}", "hint_embedding.conv_out"


def _vae_middle(side: str) -> Iterator[tuple[str, str]]:
    yield from _vae_resnet(f"{side}.mid.block_1", f"{side}.mid_block.resnets.0")
    yield from _vae_resnet(f"{side}.mid.block_2", f"{side}.mid_block.resnets.1")
    for ldm, diffusers in (
        ("norm", "group_norm"),
        ("q", "to_q"),
        ("k", "to_k"),
        ("v", "to_v"),
        ("proj_out", "to_out.0"),
    ):
        yield f"{side}.mid.attn_1.{ldm}", f"{side}.mid_block.attentions.0.{diffusers}"


def _vae_resnet(ldm: str, diffusers: str) -> Iterator[tuple[str, str]]:
    for part in ("norm1", "conv1", "norm2", "conv2"):
        yield f"{ldm}.{part}", f"{diffusers}.{part}"
    yield f"{ldm}.nin_shortcut", f"{diffusers}.conv_shortcut"
