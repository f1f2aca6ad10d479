"""Count floating point operations of the passes, without weights and without computing.

Counting happens on meta tensors. That is also why nothing is missed: the fused attention of CPUs is
not in PyTorch's table of formulas, but on the meta device it falls apart into its two products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..models.sd15 import ControlNetShape
from ..sampling.windows import FrameWindows
from .authors_schedule import appearance_pass, explicit_attention, pose_pass, unet_pass
from .random_clip import prepare_step, random_clip, shapes_only_denoiser


@dataclass(frozen=True, kw_only=True)
class PassFlops:
    """What each pass of the authors' schedule costs for one frame and step, in GFLOP.

    A multiply-add is two operations.
    """

    appearance: float
    pose: float
    conditional: float
    unconditional: float

    @property
    def frame_step(self) -> float:
        """All of a frame and step: the pose ControlNet runs in both halves."""
        return self.appearance + 2 * self.pose + self.conditional + self.unconditional


MEASURED_ON_AUTHORS_CODE = {
    256: PassFlops(appearance=180.1, pose=62.7, conditional=194.2, unconditional=180.1),
    512: PassFlops(appearance=803.2, pose=283.3, conditional=951.4, unconditional=803.3),
}
"""Picture size in pixels -> what the authors' own code costs at SD 1.5 size."""


def count_gflop(run: Callable[[], object]) -> float:
    """Count what ``run`` multiplies and adds; its tensors must be on the meta device."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


def count_authors_passes(shape: ControlNetShape, size: int) -> PassFlops:
    """Count the passes of the authors' schedule for square pictures of ``size`` pixels."""
    denoiser = shapes_only_denoiser(shape)
    clip = random_clip(shape, frames=1, size=size).to(torch.device("meta"))
    step = torch.empty((), dtype=torch.long, device="meta")
    with torch.no_grad(), explicit_attention(denoiser):
        features = appearance_pass(denoiser, clip.reference_latents, step, clip.text)
        residuals = pose_pass(denoiser, clip.latents, step, clip.text, clip.pose_maps)
        return PassFlops(
            appearance=count_gflop(
                lambda: appearance_pass(denoiser, clip.reference_latents, step, clip.text)
            ),
            pose=count_gflop(
                lambda: pose_pass(denoiser, clip.latents, step, clip.text, clip.pose_maps)
            ),
            conditional=count_gflop(
                lambda: unet_pass(denoiser, clip.latents, step, clip.text, features, residuals)
            ),
            unconditional=count_gflop(lambda: unet_pass(denoiser, clip.latents, step, clip.text)),
        )


def count_our_frame_step(
    shape: ControlNetShape, size: int, *, frames: int, frames_per_batch: int
) -> float:
    """Count our timestep of a clip in GFLOP per frame, the appearance pass included."""
    denoiser = shapes_only_denoiser(shape)
    clip = random_clip(shape, frames=frames, size=size).to(torch.device("meta"))
    with torch.no_grad():
        step = prepare_step(denoiser, clip, FrameWindows(frames_per_batch))
    return count_gflop(lambda: step(1)) / frames
