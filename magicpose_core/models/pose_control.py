"""The pose ControlNet, with its hint embedding apart: that one depends on the pose map alone."""

from __future__ import annotations

from dataclasses import dataclass

from diffusers import ControlNetModel
from torch import Tensor, nn

from .networks import build_controlnet
from .reference_attention import KeysValues
from .sd15 import ControlNetShape


@dataclass(frozen=True)
class PoseResiduals:
    """What the ControlNet adds to the U-Net.

    Attributes:
        down: For each skip connection, (B, C, h, w) at its level; 12 in SD 1.5.
        mid: (B, C, h / 8, w / 8), added behind the middle block.
    """

    down: tuple[Tensor, ...]
    mid: Tensor


class PoseControlNet(nn.Module):
    """ControlNet v1.1 on pose maps. Source: Zhang et al. 2023; Chang et al. 2024, section 3.3.

    Attributes:
        shape: What it was built from.
    """

    controlnet: ControlNetModel

    def __init__(self, shape: ControlNetShape) -> None:
        """Build the network without weights."""
        super().__init__()
        self.shape = shape
        self.controlnet = build_controlnet(shape)
        self.hint_embedding = self.controlnet.controlnet_cond_embedding
        self.controlnet.controlnet_cond_embedding = nn.Identity()

    def embed(self, pose_maps: Tensor) -> Tensor:
        """Embed pose maps (B, 3, H, W) in [0, 1] -> (B, C, H / 8, W / 8); no timestep in it."""
        return self.hint_embedding(pose_maps)

    def forward(
        self,
        latents: Tensor,
        timestep: Tensor,
        text: Tensor,
        hint: Tensor,
        keys_values: KeysValues | None = None,
    ) -> PoseResiduals:
        """Compute the residuals.

        Args:
            latents: (B, 4, h, w) noisy latents.
            timestep: () or (B,) integer.
            text: (B, L, C) text embedding; only its shape matters when ``keys_values`` has it.
            hint: (B, C, h, w) from :meth:`embed`.
            keys_values: The text projected beforehand, see ``reference_attention.project_text``.
        """
        down, mid = self.controlnet(
            latents,
            timestep,
            text,
            hint,
            cross_attention_kwargs={"keys_values": keys_values},
            return_dict=False,
        )
        return PoseResiduals(tuple(down), mid)
