"""Compile the networks with ``torch.compile``: pays on GPUs, for clips that take minutes."""

from __future__ import annotations

from .denoiser import MagicPoseDenoiser


def compile_networks(denoiser: MagicPoseDenoiser) -> None:
    """Let the U-Net and the pose ControlNet be compiled at their first call, in place.

    Weights, keys and results to rounding stay as they are. Each other number of frames compiles
    anew. The appearance control model stays: it ends its pass early by an exception, and runs once
    for each timestep.
    """
    denoiser.unet.compile()
    if denoiser.pose is not None:
        denoiser.pose.controlnet.compile()
