"""Where motion modules stand in a U-Net of the SD 1.5 plan, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .sd15 import UNetShape, down_and_middle_blocks, up_blocks

USUAL_WINDOW = 16  # frames that AnimateDiff's modules were trained on


@dataclass(frozen=True, kw_only=True)
class MotionShape:
    """What a motion module is made of; the defaults are AnimateDiff v3's.

    Attributes:
        channels: Channels of each level of the U-Net that it goes with, the finest first.
        resnets: ResBlocks per level of that U-Net on the way down; each is followed by one module.
        middle: Whether there is one in the middle block, too (AnimateDiff v2).
        positions: Frames that it can tell apart: the longest window.
        heads: Attention heads; not readable from tensor shapes.
    """

    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    resnets: int = 2
    middle: bool = False
    positions: int = 32
    heads: int = 8

    @property
    def modules(self) -> int:
        """Number of temporal transformers: 20 in AnimateDiff v1 and v3, 21 in v2."""
        return len(self.channels) * (2 * self.resnets + 1) + self.middle

    @property
    def window_length(self) -> int:
        """Frames of a window, where nobody chooses: 16, or what the positions allow."""
        return min(USUAL_WINDOW, self.positions)

    def fits(self, unet: UNetShape) -> bool:
        """Tell whether it goes with a U-Net."""
        return (self.channels, self.resnets) == (unet.channels, unet.resnets)


@dataclass(frozen=True)
class MotionPlace:
    """One temporal transformer.

    Attributes:
        name: Its path in diffusers' motion adapter, ``down_blocks.0.motion_modules.1``.
        follows: What it stands behind in the layout of ComfyUI's U-Net, ``input_blocks.2.1``.
    """

    name: str
    follows: str


def motion_places(shape: MotionShape, unet: UNetShape) -> Iterator[MotionPlace]:
    """Walk the temporal transformers in the order of computation.

    Each follows the transformer block of a ResBlock, or the ResBlock where its level has none.

    Source: Guo et al. 2023, AnimateDiff, section 4.2.
    """
    blocks = [
        block
        for block in (*down_and_middle_blocks(unet), *up_blocks(unet))
        if block.kind in ("resnet", "attention")
    ]
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        level, kind, number = block.diffusers.rsplit(".", 2)
        if level == "mid_block":
            if kind == "attentions" and shape.middle:
                yield MotionPlace("mid_block.motion_modules.0", block.ldm)
        elif kind == "resnets":
            attends = following is not None and following.kind == "attention"
            behind = following.ldm if attends and following is not None else block.ldm
            yield MotionPlace(f"{level}.motion_modules.{number}", behind)
