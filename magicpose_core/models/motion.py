"""Motion modules: between the blocks of the U-Net, frames of a window attend to each other.

A U-Net and a motion module together are a :class:`MotionUNet`, which takes the U-Net's place: it
shares its blocks, so that reference attention, ControlNet residuals and text work as before, and a
module with zero output projections changes nothing. Source: Guo et al. 2023, AnimateDiff.

Diffusers carries the computation but for one norm: it takes the frames of a window together where
AnimateDiff's own code, with which all modules were trained, takes each frame by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers import MotionAdapter, UNetMotionModel
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..errors import InputError
from .motion_plan import MotionShape
from .networks import UNet
from .sd15 import NORM_GROUPS, UNetShape


class MotionModule(MotionAdapter):
    """The temporal transformers of AnimateDiff, apart from any U-Net.

    Attributes:
        shape: What it was built from.
    """

    def __init__(self, shape: MotionShape) -> None:
        """Build the module without weights."""
        super().__init__(
            block_out_channels=shape.channels,
            motion_layers_per_block=shape.resnets,
            motion_num_attention_heads=shape.heads,
            motion_norm_num_groups=NORM_GROUPS,
            motion_max_seq_length=shape.positions,
            use_motion_mid_block=shape.middle,
        )
        self.shape = shape
        for transformer in list(self.modules()):
            norm = getattr(transformer, "norm", None)
            if isinstance(norm, nn.GroupNorm):
                transformer.norm = _FrameNorm(norm)


class _FrameNorm(nn.GroupNorm):
    """The norm in front of a temporal transformer: of each frame by itself."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        """Take another's settings; its weights are loaded later."""
        super().__init__(norm.num_groups, norm.num_channels, eps=norm.eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """Norm (B, C, F, h, w)."""
        windows, _, frames, _, _ = hidden.shape
        normed = super().forward(hidden.transpose(1, 2).flatten(0, 1))
        return normed.unflatten(0, (windows, frames)).transpose(1, 2)


class MotionUNet(UNetMotionModel):
    """A U-Net whose frames see each other through a motion module.

    Attributes:
        shape: Of the U-Net.
        motion: The module; its weights and the U-Net's are shared, not copied.
    """

    def __init__(self, unet: UNet, motion: MotionModule) -> None:
        """Put a U-Net and a motion module together; both stay the caller's.

        Raises:
            InputError: The module is for a U-Net of other widths.
        """
        check_fit(motion.shape, unet.shape)
        with torch.device("meta"):
            super().__init__(**_plan(unet.shape, motion.shape))
        self.shape = unet.shape
        self.motion = motion
        for name in ("conv_in", "time_proj", "time_embedding", "conv_norm_out", "conv_out"):
            setattr(self, name, getattr(unet, name))
        if not motion.shape.middle:
            self.mid_block = unet.mid_block
        for own, plain, modules in zip(
            (*self.down_blocks, *self.up_blocks, self.mid_block),
            (*unet.down_blocks, *unet.up_blocks, unet.mid_block),
            (*motion.down_blocks, *motion.up_blocks, motion.mid_block),
            strict=True,
        ):
            for part in ("resnets", "attentions", "downsamplers", "upsamplers"):
                if hasattr(own, part):
                    setattr(own, part, getattr(plain, part))
            if modules is not None:
                own.motion_modules = nn.ModuleList(map(_Temporal, modules.motion_modules))

    def forward(
        self,
        latents: Tensor,
        timestep: Tensor,
        text: Tensor,
        *,
        cross_attention_kwargs: Mapping[str, object] | None = None,
        down_block_additional_residuals: tuple[Tensor, ...] | None = None,
        mid_block_additional_residual: Tensor | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        """Predict the noise of one window, or of several of the same length.

        Args:
            latents: (F, 4, h, w), the frames of one window, or (B, F, 4, h, w).
            timestep: () or (B,) integer.
            text: (B F, L, C) text embedding, a row for each frame.
            cross_attention_kwargs: What the reference attention is told; rows as of the text.
            down_block_additional_residuals: Of the pose ControlNet, (B F, C, h, w) each.
            mid_block_additional_residual: As well.
            return_dict: Not offered.

        Returns:
            The noise, in the latents' shape.

        Raises:
            InputError: A window is longer than the module's positions.
        """
        windows = latents if latents.ndim == 5 else latents.unsqueeze(0)
        check_length(windows.shape[1], self.motion.shape)
        noise = super().forward(
            windows.transpose(1, 2),
            timestep,
            text,
            cross_attention_kwargs=cross_attention_kwargs,
            down_block_additional_residuals=down_block_additional_residuals,
            mid_block_additional_residual=mid_block_additional_residual,
            return_dict=False,
        )[0]
        return (noise.transpose(1, 2).reshape(latents.shape),)


def check_fit(motion: MotionShape, unet: UNetShape) -> None:
    """Check that a motion module goes with a U-Net.

    Raises:
        InputError: It is for other widths.
    """
    if not motion.fits(unet):
        raise InputError(
            f"the motion module is for a U-Net of channels {list(motion.channels)} with "
            f"{motion.resnets} ResBlocks per level, and the model's has {list(unet.channels)} with "
            f"{unet.resnets}; choose a module made for this model"
        )


def check_length(frames: int, motion: MotionShape) -> None:
    """Check the length of a window.

    Raises:
        InputError: It is longer than the module's positions.
    """
    if frames > motion.positions:
        raise InputError(
            f"window_length must be at most {motion.positions}, the positions of the motion "
            f"module, got {frames}"
        )


class _Temporal(nn.Module):
    """One temporal transformer, computed again in the backward pass where training asks for it."""

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer
        self.gradient_checkpointing = False  # set by diffusers' enable_gradient_checkpointing

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: None = None,
        timestep: None = None,
        class_labels: None = None,
        num_frames: int = 1,
        cross_attention_kwargs: None = None,
    ) -> Tensor:
        def attend(tokens: Tensor) -> Tensor:
            return self.transformer(tokens, num_frames=num_frames)

        if self.gradient_checkpointing and torch.is_grad_enabled():
            return checkpoint(attend, hidden_states, use_reentrant=False)
        return attend(hidden_states)


def _plan(unet: UNetShape, motion: MotionShape) -> dict[str, object]:
    return {
        "in_channels": unet.latent_channels,
        "out_channels": unet.latent_channels,
        "down_block_types": tuple(
            "CrossAttnDownBlockMotion" if attends else "DownBlockMotion"
            for attends in unet.attention
        ),
        "up_block_types": tuple(
            "CrossAttnUpBlockMotion" if attends else "UpBlockMotion"
            for attends in unet.attention[::-1]
        ),
        "block_out_channels": unet.channels,
        "layers_per_block": unet.resnets,
        "norm_num_groups": NORM_GROUPS,
        "cross_attention_dim": unet.context,
        "num_attention_heads": unet.heads,
        "motion_num_attention_heads": motion.heads,
        "motion_max_seq_length": motion.positions,
        "use_motion_mid_block": motion.middle,
    }
