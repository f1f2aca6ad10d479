"""What each stage trains and what it leaves as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from ..errors import InputError
from ..models.denoiser import MagicPoseDenoiser
from ..models.motion import MotionUNet
from .config import ObjectiveConfig

StageName = Literal["base", "stage1", "stage2", "stage3"]
Trained = Literal["unet", "appearance", "pose", "motion"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training.

    Attributes:
        name: Its name on the command line and in checkpoints.
        trains: The networks that learn; everything else is frozen, the U-Net's time embedding too.
        sees_reference: Whether the U-Net attends to the reference.
        sees_pose: Whether the pose ControlNet takes part.
    """

    name: StageName
    trains: tuple[Trained, ...]
    sees_reference: bool = True
    sees_pose: bool = True


APPEARANCE_PRETRAINING = Stage(name="stage1", trains=("appearance",), sees_pose=False)
"""Chang et al. 2024, section 3.2: two frames of one subject, no pose."""

POSE_DISENTANGLED = Stage(name="stage2", trains=("appearance", "pose"))
"""Chang et al. 2024, section 3.3: appearance-disentangled pose control."""


MOTION = Stage(name="stage3", trains=("motion",))
"""Chang et al. 2024, section 3.4: a motion module, from clips, everything else frozen."""


def find_stage(name: str, objective: ObjectiveConfig) -> Stage:
    """Give the stage of a name.

    Args:
        name: ``base``, ``stage1``, ``stage2`` or ``stage3``.
        objective: Says what ``base`` trains: the model that the paper takes ready-made.
    """
    if name == "stage1":
        return APPEARANCE_PRETRAINING
    if name == "stage2":
        return POSE_DISENTANGLED
    if name == MOTION.name:
        return MOTION
    if name != "base":
        raise InputError(f"unknown stage {name!r}; expected base, stage1, stage2 or stage3")
    parts = objective.parts
    if not parts:
        raise InputError("objective.parts is empty; name at least unet")
    return Stage(
        name="base",
        trains=parts,
        sees_reference="appearance" in parts,
        sees_pose="pose" in parts,
    )


def freeze(denoiser: MagicPoseDenoiser, stage: Stage) -> None:
    """Mark which parameters a stage trains.

    Of the appearance control model 36 tensors never get a gradient: they stay frozen, so that
    neither the optimizer nor the clipping norm sees them.
    """
    denoiser.requires_grad_(False)
    networks: dict[Trained, nn.Module | None] = {
        "unet": denoiser.unet,
        "appearance": denoiser.appearance,
        "pose": denoiser.pose,
        "motion": denoiser.unet.motion if isinstance(denoiser.unet, MotionUNet) else None,
    }
    for name in stage.trains:
        network = networks[name]
        if network is None:
            raise InputError(f"{stage.name} trains the {name} network, which the model lacks")
        network.requires_grad_(True)
    if denoiser.appearance is not None:
        for parameter in denoiser.appearance.untrained_parameters():
            parameter.requires_grad_(False)
