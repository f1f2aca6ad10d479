"""diffusers' networks of the SD 1.5 plan, built from their shapes, which they keep."""

from __future__ import annotations

from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel

from .reference_attention import install
from .sd15 import LATENT_SCALE, NORM_GROUPS, ControlNetShape, UNetShape, VaeShape


class UNet(UNet2DConditionModel):
    """A U-Net with the reference attention on every layer.

    Attributes:
        shape: What it was built from.
    """

    def __init__(self, shape: UNetShape) -> None:
        """Build the network without weights."""
        super().__init__(
            in_channels=shape.latent_channels,
            out_channels=shape.latent_channels,
            block_out_channels=shape.channels,
            layers_per_block=shape.resnets,
            down_block_types=_down_types(shape),
            up_block_types=tuple(
                "CrossAttnUpBlock2D" if attends else "UpBlock2D"
                for attends in shape.attention[::-1]
            ),
            cross_attention_dim=shape.context,
            attention_head_dim=shape.heads,  # diffusers' name for the number of heads here
            norm_num_groups=NORM_GROUPS,
        )
        self.shape = shape
        install(self)


class Autoencoder(AutoencoderKL):
    """The autoencoder.

    Attributes:
        shape: What it was built from.
    """

    def __init__(self, shape: VaeShape) -> None:
        """Build the network without weights."""
        levels = len(shape.channels)
        super().__init__(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=shape.channels,
            layers_per_block=shape.resnets,
            latent_channels=shape.latent_channels,
            norm_num_groups=NORM_GROUPS,
            scaling_factor=LATENT_SCALE,
        )
        self.shape = shape


def build_controlnet(shape: ControlNetShape) -> ControlNetModel:
    """Build a ControlNet with the same attention processor, for its projected text."""
    controlnet = ControlNetModel(
        in_channels=shape.unet.latent_channels,
        block_out_channels=shape.unet.channels,
        layers_per_block=shape.unet.resnets,
        down_block_types=_down_types(shape.unet),
        cross_attention_dim=shape.unet.context,
        attention_head_dim=shape.unet.heads,
        norm_num_groups=NORM_GROUPS,
        conditioning_embedding_out_channels=shape.hint_channels,
    )
    install(controlnet)
    return controlnet


def _down_types(shape: UNetShape) -> tuple[str, ...]:
    return tuple(
        "CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in shape.attention
    )
