"""Keep the deep layers of a U-Net over some steps, and compute the shallow ones alone.

What a U-Net finds in its coarser levels hardly changes from one step to the next; what does is in
the first layers and the last. So a step between takes the last block's input from an earlier step.
Source: Ma et al. 2024 (DeepCache), section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .networks import UNet
from .pose_control import PoseResiduals
from .reference_attention import KeysValues

_SHALLOW = 2  # units of the last block that are always computed, and skips that go into them


@dataclass(frozen=True)
class DeepFeatures:
    """What is kept of some frames.

    Attributes:
        hidden: (B, C, h, w), what goes into the last block's second unit from the end.
        residuals: What the ControlNet adds to the first skips, (B, C, h, w) each; empty without.
    """

    hidden: Tensor
    residuals: tuple[Tensor, ...] = ()

    def rows(self) -> list[DeepFeatures]:
        """Take them apart, frame by frame, each with a batch of one."""
        parts = zip(*(each.split(1) for each in (self.hidden, *self.residuals)), strict=True)
        return [DeepFeatures(hidden, tuple(residuals)) for hidden, *residuals in parts]


def join(rows: list[DeepFeatures]) -> DeepFeatures:
    """Put frames together again."""
    residuals = zip(*(row.residuals for row in rows), strict=True)
    return DeepFeatures(
        torch.cat([row.hidden for row in rows]), tuple(torch.cat(each) for each in residuals)
    )


def bytes_per_frame(unet: UNet, cells: int, itemsize: int) -> int:
    """Say what both halves of guidance keep of a frame with so many latent cells."""
    return (2 + _SHALLOW) * unet.shape.channels[0] * cells * itemsize


def whole_pass(
    unet: UNet,
    latents: Tensor,
    timestep: Tensor,
    text: Tensor,
    keys_values: KeysValues,
    residuals: PoseResiduals | None,
) -> tuple[Tensor, DeepFeatures]:
    """Predict the noise as the U-Net does, and give what may be kept; shapes as in ``predict``."""
    given = _Given(_time_embedding(unet, latents, timestep), text, keys_values)
    hidden = unet.conv_in(latents)
    skips = [hidden]
    for block in unet.down_blocks:
        hidden, fresh = block(hidden, given.time, **given.attention(block))
        skips += fresh
    hidden = unet.mid_block(hidden, given.time, **given.attention(unet.mid_block))
    added: tuple[Tensor, ...] = ()
    if residuals is not None:
        skips = [skip + more for skip, more in zip(skips, residuals.down, strict=True)]
        hidden = hidden + residuals.mid
        added = residuals.down[:_SHALLOW]
    for block in unet.up_blocks[:-1]:
        own = tuple(skips[-len(block.resnets) :])
        del skips[-len(block.resnets) :]
        hidden = block(
            hidden, res_hidden_states_tuple=own, temb=given.time, **given.attention(block)
        )
    last = unet.up_blocks[-1]
    for unit in range(len(last.resnets) - _SHALLOW):
        hidden = _unit(last, unit, torch.cat([hidden, skips.pop()], dim=1), given)
    kept = DeepFeatures(hidden, added)
    return _finish(unet, hidden, skips, given), kept


def shallow_pass(
    unet: UNet,
    latents: Tensor,
    timestep: Tensor,
    text: Tensor,
    keys_values: KeysValues,
    kept: DeepFeatures,
) -> Tensor:
    """Predict the noise from kept features: first convolution and unit, and the last two units."""
    given = _Given(_time_embedding(unet, latents, timestep), text, keys_values)
    hidden = unet.conv_in(latents)
    skips = [hidden]
    for unit in range(_SHALLOW - 1):
        hidden = _unit(unet.down_blocks[0], unit, hidden, given)
        skips.append(hidden)
    if kept.residuals:
        skips = [skip + more for skip, more in zip(skips, kept.residuals, strict=True)]
    return _finish(unet, kept.hidden, skips, given)


@dataclass(frozen=True)
class _Given:
    """What every block is told."""

    time: Tensor
    text: Tensor
    keys_values: KeysValues

    def attention(self, block: nn.Module) -> dict[str, object]:
        """Give the arguments of a block's attention; none for blocks without."""
        if not getattr(block, "attentions", None):
            return {}
        return {
            "encoder_hidden_states": self.text,
            "cross_attention_kwargs": {"keys_values": self.keys_values},
        }


def _unit(block: nn.Module, unit: int, hidden: Tensor, given: _Given) -> Tensor:
    """Run one ResBlock and the transformer behind it, where there is one."""
    hidden = block.resnets[unit](hidden, given.time)  # type: ignore[index, operator]
    arguments = given.attention(block)
    if arguments:
        transformer = block.attentions[unit]  # type: ignore[index]
        hidden = transformer(hidden, return_dict=False, **arguments)[0]  # type: ignore[operator]
    return hidden


def _finish(unet: UNet, hidden: Tensor, skips: list[Tensor], given: _Given) -> Tensor:
    """Run the units that are always computed, and the head."""
    last = unet.up_blocks[-1]
    for unit in range(len(last.resnets) - _SHALLOW, len(last.resnets)):
        hidden = _unit(last, unit, torch.cat([hidden, skips.pop()], dim=1), given)
    noise: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))
    return noise


def _time_embedding(unet: UNet, latents: Tensor, timestep: Tensor) -> Tensor:
    rows = timestep.expand(latents.shape[0])
    embedded: Tensor = unet.time_embedding(unet.time_proj(rows).to(latents.dtype))
    return embedded
