"""The networks that a stage starts from, out of the files that its configuration names."""

from __future__ import annotations

import logging

import torch

from ..errors import InputError
from ..models.denoiser import MagicPoseDenoiser
from ..models.motion import MotionModule, MotionUNet
from ..models.networks import UNet
from ..models.pose_control import PoseControlNet
from ..models.sd15 import ControlNetShape
from ..weights.checkpoint import Checkpoint, open_checkpoint
from ..weights.contents import Part, describe, find_part, find_parts
from ..weights.heads import Heads, noted_heads
from ..weights.loading import MagicPoseModels, load_network
from ..weights.recipes import APPEARANCE, MOTION, POSE, TEXT, UNET, VAE
from ..weights.start import start_appearance
from .config import TrainingConfig
from .fresh import fresh_denoiser, fresh_motion, fresh_text
from .stages import Stage

_log = logging.getLogger("magicpose")


def start_models(config: TrainingConfig, stage: Stage) -> MagicPoseModels:
    """Load or draw what a stage starts from.

    Raises:
        InputError: A fresh model has no autoencoder to work with, or stage 2 no stage 1.
        CheckpointError: A file lacks what the stage needs.
    """
    if config.start.checkpoint is None:
        if stage.name == "stage3":
            raise InputError("stage 3 needs start.checkpoint, the model that stage 2 wrote")
        return _fresh_models(config)
    file = open_checkpoint(config.start.checkpoint)
    heads = noted_heads(file.metadata)
    if stage.name == "stage2" and "appearance" not in find_parts(file):
        raise InputError(
            f"start.checkpoint {config.start.checkpoint} holds no appearance control model, which "
            "stage 2 goes on with; name the file that stage 1 wrote"
        )
    if stage.name == "stage3" and not {"appearance", "pose"} <= set(find_parts(file)):
        raise InputError(
            f"start.checkpoint {config.start.checkpoint} is {describe(file)}; stage 3 goes on with "
            "a whole MagicPose model: name the file that stage 2 wrote"
        )
    unet = load_network(UNET, find_part(file, "unet"), heads)
    vae_file = file if config.start.vae is None else open_checkpoint(config.start.vae)
    return MagicPoseModels(
        denoiser=MagicPoseDenoiser(
            MotionUNet(unet, _start_motion(config, unet)) if stage.name == "stage3" else unet,
            load_network(APPEARANCE, start_appearance(file), heads)
            if stage.sees_reference
            else None,
            _start_pose(config, file, unet, heads) if stage.sees_pose else None,
        ),
        vae=load_network(VAE, find_part(vae_file, "vae")),
        text=load_network(TEXT, find_part(file, "text"), heads),
    )


def _start_motion(config: TrainingConfig, unet: UNet) -> MotionModule:
    path = config.start.motion_module
    if path is None:
        return fresh_motion(config.network, unet.shape, config.run.seed)
    return load_network(MOTION, find_part(open_checkpoint(path), "motion"))


def _fresh_models(config: TrainingConfig) -> MagicPoseModels:
    if config.start.vae is None:
        raise InputError(
            "a model from nothing needs start.vae, an autoencoder; train one with "
            "`magicpose train vae`, or set start.checkpoint"
        )
    vae = load_network(VAE, find_part(open_checkpoint(config.start.vae), "vae"))
    return MagicPoseModels(
        denoiser=fresh_denoiser(config.network, config.run.seed),
        vae=vae,
        text=fresh_text(config.network, config.run.seed).eval().requires_grad_(False),
    )


def _start_pose(
    config: TrainingConfig, file: Checkpoint, unet: UNet, heads: Heads
) -> PoseControlNet:
    part = _pose_part(config, file)
    if part is not None:
        return load_network(POSE, part, heads)
    _log.info("no pose ControlNet given: starting from a copy of the U-Net, as ControlNet does")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        pose = PoseControlNet(ControlNetShape(unet=unet.shape))
    copied = {
        key: value
        for key, value in unet.state_dict().items()
        if key in pose.controlnet.state_dict()
    }
    pose.controlnet.load_state_dict(copied, strict=False)
    return pose


def _pose_part(config: TrainingConfig, file: Checkpoint) -> Part | None:
    if config.start.pose_controlnet is not None:
        return find_part(open_checkpoint(config.start.pose_controlnet), "pose")
    parts = find_parts(file)
    # beside an appearance model under its own name, `control_model.` is a ControlNet
    return parts.get("pose") if "appearance" in parts else None
