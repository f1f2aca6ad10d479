"""Read the architecture off tensor shapes, so that a narrow model loads like a full one.

All shapes here are those of the LDM layout with the sub-model's prefix taken off.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from ..models.motion_plan import MotionShape
from ..models.sd15 import ControlNetShape, TextShape, UNetShape, VaeShape

Shapes = Mapping[str, tuple[int, ...]]

# Far above every published model; what goes beyond is made up, and would take hours to lay out.
_MOST_LEVELS = 8
_MOST_RESNETS = 8
_MOST_LAYERS = 64
_MOST_CHANNELS = 16_384
_MOST_TOKENS = 1 << 20
_MOST_POSITIONS = 4096
_MOST_MODULES = 16  # of a level
MOTION_INSIDE = "temporal_transformer."  # a module of AnimateDiff holds one such
_NO_TABLE = 64  # frames of AnimateLCM, whose files leave the table of positions out

_log = logging.getLogger("magicpose")


def unet_shape(shapes: Shapes, *, heads: int | None = None) -> UNetShape:
    """Infer the plan of a U-Net, an appearance control model or a ControlNet.

    Args:
        shapes: Key -> shape.
        heads: Attention heads; None takes Stable Diffusion's 8, since they are not in the shapes.

    Raises:
        ValueError: The heads do not divide the channels.
        KeyError: A key that the plan is read off is missing.
    """
    channels: list[int] = []
    attention: list[bool] = []
    resnets: list[int] = [0]
    for index in range(1, _MOST_LEVELS * (_MOST_RESNETS + 1) + 2):
        block = f"input_blocks.{index}"
        if f"{block}.0.op.weight" in shapes:
            resnets.append(0)
        elif f"{block}.0.out_layers.3.weight" in shapes:
            if resnets[-1] == 0:
                channels.append(shapes[f"{block}.0.out_layers.3.weight"][0])
                attention.append(f"{block}.1.proj_in.weight" in shapes)
            resnets[-1] += 1
        else:
            break
    heads = UNetShape.heads if heads is None else heads
    _check_heads(heads, channels)
    text = shapes["middle_block.1.transformer_blocks.0.attn2.to_k.weight"]
    latents = shapes["input_blocks.0.0.weight"][1]
    _check_range("levels", len(channels), _MOST_LEVELS)
    _check_range("ResBlocks per level", resnets[0], _MOST_RESNETS)
    for width in (*channels, text[1], latents):
        _check_range("channels", width, _MOST_CHANNELS)
    return UNetShape(
        channels=tuple(channels),
        attention=tuple(attention),
        resnets=resnets[0],
        context=text[1],
        heads=heads,
        latent_channels=latents,
    )


def controlnet_shape(shapes: Shapes, *, heads: int | None = None) -> ControlNetShape:
    """Infer the plan of a ControlNet, or of an appearance control model with its hint block."""
    plan = unet_shape(shapes, heads=heads)
    widths = [
        shapes[key][0]
        for index in range(0, 64, 4)
        if (key := f"input_hint_block.{index}.weight") in shapes
    ]
    for width in widths:
        _check_range("channels", width, _MOST_CHANNELS)
    return (
        ControlNetShape(unet=plan, hint_channels=tuple(widths))
        if widths
        else ControlNetShape(unet=plan)
    )


def vae_shape(shapes: Shapes) -> VaeShape:
    """Infer the plan of the autoencoder."""
    levels = [
        shapes[f"encoder.down.{level}.block.0.conv2.weight"][0]
        for level in range(_MOST_LEVELS + 1)
        if f"encoder.down.{level}.block.0.conv2.weight" in shapes
    ]
    resnets = sum(f"encoder.down.0.block.{index}.conv2.weight" in shapes for index in range(16))
    latents = shapes["post_quant_conv.weight"][0]
    _check_range("levels", len(levels), _MOST_LEVELS)
    _check_range("ResBlocks per level", resnets, _MOST_RESNETS)
    for width in (*levels, latents):
        _check_range("channels", width, _MOST_CHANNELS)
    return VaeShape(channels=tuple(levels), resnets=resnets, latent_channels=latents)


def text_shape(shapes: Shapes, *, heads: int | None = None) -> TextShape:
    """Infer the plan of the text encoder.

    Args:
        shapes: Key -> shape.
        heads: Attention heads; None takes CLIP's 12, or the largest divisor of the width below it
            with a warning, since they are not in the shapes.

    Raises:
        ValueError: The heads do not divide the width.
        KeyError: A key that the plan is read off is missing.
    """
    inside = "transformer.text_model."
    vocabulary, width = shapes[f"{inside}embeddings.token_embedding.weight"]
    layers = sum(
        f"{inside}encoder.layers.{index}.mlp.fc1.weight" in shapes
        for index in range(_MOST_LAYERS + 1)
    )
    feed_forward = shapes[f"{inside}encoder.layers.0.mlp.fc1.weight"][0]
    positions = shapes[f"{inside}embeddings.position_embedding.weight"][0]
    _check_range("layers", layers, _MOST_LAYERS)
    _check_range("channels", width, _MOST_CHANNELS)
    _check_range("channels", feed_forward, 4 * _MOST_CHANNELS)
    _check_range("tokens", vocabulary, _MOST_TOKENS)
    _check_range("tokens", positions, _MOST_TOKENS)
    if heads is None:
        heads = max(count for count in range(1, 13) if width % count == 0)
        if heads != TextShape.heads:
            _log.warning(
                "the text encoder is %d wide, which 12 heads do not divide; taking %d heads "
                "(set text_heads if it was trained with others)",
                width,
                heads,
            )
    _check_heads(heads, [width])
    return TextShape(
        width=width,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        vocabulary=vocabulary,
        positions=positions,
    )


def motion_shape(shapes: Shapes, *, heads: int | None = None) -> MotionShape:
    """Infer what a motion module is made of.

    Args:
        shapes: Key in AnimateDiff's own layout -> shape.
        heads: Attention heads; None takes AnimateDiff's 8, since they are not in the shapes.

    Raises:
        ValueError: The heads do not divide the channels, or the tables of positions differ.
        KeyError: A key that the plan is read off is missing.
    """
    norm = f"down_blocks.{{}}.motion_modules.{{}}.{MOTION_INSIDE}norm.weight"
    channels = [
        shapes[key][0]
        for level in range(_MOST_LEVELS + 1)
        if (key := norm.format(level, 0)) in shapes
    ]
    if not channels:
        raise KeyError(norm.format(0, 0))
    resnets = sum(norm.format(0, number) in shapes for number in range(_MOST_MODULES))
    rows = {shape[1] for key, shape in shapes.items() if key.endswith(".pe") and len(shape) == 3}
    if len(rows) > 1:
        raise ValueError(f"its tables of positions have {sorted(rows)} rows; expected one number")
    positions = rows.pop() if rows else _NO_TABLE
    heads = MotionShape.heads if heads is None else heads
    _check_range("levels", len(channels), _MOST_LEVELS)
    _check_range("modules per level", resnets, _MOST_RESNETS)
    _check_range("positions", positions, _MOST_POSITIONS)
    for width in channels:
        _check_range("channels", width, _MOST_CHANNELS)
    _check_heads(heads, channels)
    return MotionShape(
        channels=tuple(channels),
        resnets=resnets,
        middle=any(key.startswith("mid_block.") for key in shapes),
        positions=positions,
        heads=heads,
    )


def _check_range(what: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise ValueError(f"it has {number:,} {what}; expected 1 to {most:,}")


def _check_heads(heads: int, widths: Iterable[int]) -> None:
    for width in widths:
        if heads < 1 or width % heads:
            raise ValueError(f"{heads} attention heads do not divide its {width} channels")
