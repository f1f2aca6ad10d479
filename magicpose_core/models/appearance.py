"""The appearance control model: what the reference picture offers to each self-attention."""

from __future__ import annotations

import contextlib
import itertools

from torch import Tensor, nn

from .networks import UNet
from .reference_attention import ReferenceFeatures
from .sd15 import ControlNetShape, attention_layers


class AppearanceControlModel(nn.Module):
    """A U-Net without its head that yields the inputs of its self-attention layers.

    It runs on the reference latents at the frame's timestep and stops behind the last such input:
    what comes after it in the last transformer block never runs and never learns.
    Source: Chang et al. 2024, section 3.2.

    Attributes:
        shape: What it was built from.
        unet: The trunk; its output layers are gone.
        unused_hint_block: 16 tensors that the released checkpoints carry and nothing reads, kept
            so that a checkpoint is saved as whole as it was.
    """

    unet: UNet

    def __init__(self, shape: ControlNetShape) -> None:
        """Build the model without weights; the hint widths are those of the unused block."""
        super().__init__()
        self.shape = shape
        self.unet = UNet(shape.unet)
        self.unet.conv_norm_out = nn.Identity()
        self.unet.conv_out = nn.Identity()
        self.unused_hint_block = _unused_hint_block(shape)
        self._layers = [layer.self_attention for layer in attention_layers(shape.unet)]

    def forward(
        self, reference_latents: Tensor, timestep: Tensor, text: Tensor
    ) -> ReferenceFeatures:
        """Read the reference.

        Args:
            reference_latents: (B, 4, h, w), scaled; with or without noise.
            timestep: () or (B,) integer, 0..999.
            text: (B, L, C) text embedding.

        Returns:
            One entry per self-attention layer, in the order of computation.
        """
        tokens: dict[str, Tensor] = {}

        def capture(name: str, hidden_states: Tensor) -> None:
            tokens[name] = hidden_states
            if name == self._layers[-1]:
                raise _LastInputCaptured

        with contextlib.suppress(_LastInputCaptured):
            self.unet(
                reference_latents, timestep, text, cross_attention_kwargs={"capture": capture}
            )
        return ReferenceFeatures(tokens)

    def enable_gradient_checkpointing(self) -> None:
        """Trade time for memory in training; the last transformer, which is left early, is not."""
        self.unet.enable_gradient_checkpointing()
        last = self._layers[-1].partition(".transformer_blocks")[0]
        self.unet.get_submodule(last).gradient_checkpointing = False

    def untrained_parameters(self) -> list[nn.Parameter]:
        """List the 36 tensors that no gradient reaches: the hint block, and all behind the end."""
        block = self._layers[-1].removesuffix(".attn1")
        transformer = block.partition(".transformer_blocks")[0]
        behind = ("attn1", "attn2", "ff", "norm2", "norm3")
        modules = [self.unused_hint_block, self.unet.get_submodule(f"{transformer}.proj_out")]
        modules += [self.unet.get_submodule(f"{block}.{part}") for part in behind]
        return [parameter for module in modules for parameter in module.parameters()]


class _LastInputCaptured(Exception):  # noqa: N818 - ends the pass, reports no error
    pass


def _unused_hint_block(shape: ControlNetShape) -> nn.Sequential:
    """Lay out the block under the indices it has in the checkpoint: 0, 2, ..., 14."""
    widths = shape.hint_channels
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1), nn.SiLU()]
    for narrow, wide in itertools.pairwise(widths):
        layers += [nn.Conv2d(narrow, narrow, 3, padding=1), nn.SiLU()]
        layers += [nn.Conv2d(narrow, wide, 3, padding=1, stride=2), nn.SiLU()]
    layers.append(nn.Conv2d(widths[-1], shape.unet.channels[0], 3, padding=1))
    return nn.Sequential(*layers)
