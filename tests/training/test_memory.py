"""The memory estimate."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from magicpose_core.models.appearance import AppearanceControlModel
from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.models.networks import UNet
from magicpose_core.models.pose_control import PoseControlNet
from magicpose_core.models.sd15 import ControlNetShape, UNetShape
from magicpose_core.training.config import (
    ObjectiveConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
)
from magicpose_core.training.memory import estimate_memory
from magicpose_core.training.stages import find_stage, freeze

CONFIG = TrainingConfig(output=Path("out"))


def test_trained_numbers_cost_four_times_their_weights():
    trained, frozen = nn.Linear(10, 10, bias=False), nn.Linear(5, 4, bias=False)
    frozen.requires_grad_(False).to(torch.bfloat16)
    estimate = estimate_memory([trained, frozen], CONFIG)
    assert (estimate.trained, estimate.frozen) == (100, 20)
    assert estimate.total == 100 * 16 + 20 * 2


def test_averages_and_8_bit_moments_are_counted():
    trained = nn.Linear(10, 10, bias=False)
    config = replace(CONFIG, optimizer=OptimizerConfig(ema=0.999, eight_bit=True))
    estimate = estimate_memory([trained], config)
    assert (estimate.moments, estimate.average) == (200, 400)


def test_several_processes_keep_gradients_twice():
    config = replace(CONFIG, run=RunConfig(world_size=2))
    trained = nn.Linear(10, 10, bias=False)
    assert estimate_memory([trained], config).gradients == 800
    assert estimate_memory([trained], CONFIG).gradients == 400


def test_stage2_of_sd15_trains_1_22_billion_numbers_in_19_5_gb():
    with torch.device("meta"):
        shape = ControlNetShape()
        denoiser = MagicPoseDenoiser(
            UNet(UNetShape()), AppearanceControlModel(shape), PoseControlNet(shape)
        )
    freeze(denoiser, find_stage("stage2", ObjectiveConfig()))
    networks = [network for network in (denoiser.appearance, denoiser.pose) if network is not None]
    estimate = estimate_memory(networks, CONFIG)
    assert round(estimate.trained / 1e9, 2) == 1.22
    assert round(estimate.total / 1e9, 1) == 19.5
