"""Networks with random weights, a clip of noise, and our way through one of its timesteps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..models.appearance import AppearanceControlModel
from ..models.denoiser import Conditioning, MagicPoseDenoiser
from ..models.networks import UNet
from ..models.pose_control import PoseControlNet
from ..models.sd15 import LATENT_STRIDE, ControlNetShape, TextShape
from ..sampling.guidance import guide
from ..sampling.windows import FrameWindows

GUIDANCE_SCALE = 7.0


@dataclass(frozen=True, kw_only=True)
class RandomClip:
    """A clip of noise.

    Attributes:
        latents: (F, 4, h, w).
        pose_maps: (F, 3, 8 h, 8 w) in [0, 1].
        reference_latents: (1, 4, h, w).
        text: (1, L, C).
    """

    latents: Tensor
    pose_maps: Tensor
    reference_latents: Tensor
    text: Tensor

    def to(self, like: torch.device | torch.dtype) -> RandomClip:
        """Move or cast all of them."""
        return RandomClip(**{name: value.to(like) for name, value in vars(self).items()})

    def first(self, frames: int) -> RandomClip:
        """Keep the first frames alone."""
        return dataclasses.replace(
            self, latents=self.latents[:frames], pose_maps=self.pose_maps[:frames]
        )


def shapes_only_denoiser(shape: ControlNetShape) -> MagicPoseDenoiser:
    """Build the three networks on the meta device: shapes without memory."""
    with torch.device("meta"):
        return MagicPoseDenoiser(
            UNet(shape.unet), AppearanceControlModel(shape), PoseControlNet(shape)
        ).eval()


def random_denoiser(
    shape: ControlNetShape, device: torch.device, seed: int = 0
) -> MagicPoseDenoiser:
    """Build the three networks with random float32 weights, each tensor allocated once.

    Weights are uniform with the variance 1 / fan-in, so that activations stay of order one.
    """
    denoiser = shapes_only_denoiser(shape).to_empty(device=device)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in denoiser.named_parameters():
            if parameter.ndim > 1:
                bound = (3 / parameter[0].numel()) ** 0.5
                parameter.uniform_(-bound, bound, generator=generator)
            else:
                nn.init.constant_(parameter, float(name.endswith("weight")))
    return denoiser.requires_grad_(False)


def random_clip(shape: ControlNetShape, *, frames: int, size: int, seed: int = 0) -> RandomClip:
    """Draw a clip of ``frames`` square frames of ``size`` pixels on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    side = size // LATENT_STRIDE
    latents = (shape.unet.latent_channels, side, side)
    return RandomClip(
        latents=torch.randn(frames, *latents, generator=generator),
        pose_maps=torch.rand(frames, 3, size, size, generator=generator),
        reference_latents=torch.randn(1, *latents, generator=generator),
        text=torch.randn(1, TextShape().positions, shape.unet.context, generator=generator),
    )


def prepare_step(
    denoiser: MagicPoseDenoiser, clip: RandomClip, windows: FrameWindows
) -> Callable[[int], Tensor]:
    """Prepare a clip our way: what is constant over its steps is made here.

    Returns:
        A function of the timestep that predicts the guided noise of all frames, (F, 4, h, w).
    """
    assert denoiser.pose is not None
    pose = denoiser.pose
    hints = torch.cat([pose.embed(pose_map[None]) for pose_map in clip.pose_maps])
    conditional = denoiser.prepare(
        Conditioning(
            text=clip.text,
            reference=lambda timestep: clip.reference_latents,
            hint=lambda frames: hints[frames[0] : frames[-1] + 1],
        )
    )
    unconditional = denoiser.prepare(Conditioning(text=clip.text))
    predict = guide(conditional, unconditional, GUIDANCE_SCALE)
    cuts = windows.over(len(clip.latents))

    def step(timestep: int) -> Tensor:
        rows = (clip.latents[frames.start : frames.stop] for frames in cuts)
        return torch.cat(
            [predict(row, timestep, frames) for row, frames in zip(rows, cuts, strict=True)]
        )

    return step
