"""A tiny model and its data, trained for real."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.models.motion import MotionUNet
from magicpose_core.training.clip_objective import ClipObjective
from magicpose_core.training.config import (
    DataConfig,
    NetworkConfig,
    ObjectiveConfig,
    OptimizerConfig,
    RunConfig,
    StartConfig,
    TrainingConfig,
)
from magicpose_core.training.export import export
from magicpose_core.training.fresh import fresh_denoiser, fresh_motion, fresh_text, fresh_vae
from magicpose_core.training.latents import LatentCache
from magicpose_core.weights.heads import Heads

NETWORK = NetworkConfig(
    channels=(32, 32, 32, 32),
    heads=4,
    text_width=16,
    vae_channels=(32, 32, 32, 32),
    vae_resnets=1,
)


@pytest.fixture(autouse=True)
def _fresh_accelerator() -> None:
    """Let each test choose its precision; accelerate keeps one for the process."""
    AcceleratorState._reset_state()


@pytest.fixture(scope="session")
def tiny_vae_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vae") / "vae.safetensors"
    return export(path, {"vae": fresh_vae(NETWORK, 0)}, dtype=torch.float32, heads=Heads(unet=4))


@pytest.fixture
def vae_config(tmp_path: Path) -> TrainingConfig:
    """An autoencoder on dancers of 16 x 16 pixels: what the loop does, in milliseconds."""
    return TrainingConfig(
        output=tmp_path / "run",
        data=DataConfig(source="dancers", size=16, heldout=2),
        network=NETWORK,
        optimizer=OptimizerConfig(learning_rate=1e-3, batch=2, clip=1.0, ema=0.9, warmup=2),
        run=RunConfig(steps=4, save_every=2, validate_every=2, sample_every=0, seed=7),
    )


@pytest.fixture(scope="session")
def base_config(tmp_path_factory: pytest.TempPathFactory, tiny_vae_file: Path) -> TrainingConfig:
    """Joint training of a base model on three dancers of 128 x 128 pixels."""
    folder = tmp_path_factory.mktemp("base")
    return TrainingConfig(
        output=folder / "run",
        data=DataConfig(
            source="dancers", size=128, people=3, frames=2, heldout=2, cache=folder / "cache"
        ),
        start=StartConfig(vae=tiny_vae_file),
        network=NETWORK,
        optimizer=OptimizerConfig(learning_rate=1e-3, batch=2),
        objective=ObjectiveConfig(plain_share=0.5),
        run=RunConfig(steps=1, sample_every=1, seed=7, guidance_scale=1.0),
    )


@pytest.fixture(scope="module")
def cache() -> LatentCache:
    """Frames of two subjects, of which one has a gap."""
    rng = np.random.default_rng(0)
    return LatentCache(
        moments=rng.normal(size=(14, 8, 16, 16)).astype(np.float16),
        pose_maps=rng.integers(0, 255, (14, 128, 128, 3), dtype=np.uint8),
        names=("a", "b"),
        bounds=np.array([[0, 6], [6, 14]]),
        gaps=np.array([9]),
    )


@pytest.fixture(scope="module")
def objective() -> ClipObjective:
    """What a fresh motion module learns from clips."""
    denoiser = fresh_denoiser(NETWORK, 0)
    motion = fresh_motion(NETWORK, denoiser.unet.shape, 0)
    whole = MagicPoseDenoiser(MotionUNet(denoiser.unet, motion), denoiser.appearance, denoiser.pose)
    text = fresh_text(NETWORK, 0).empty_prompt().detach()
    return ClipObjective(whole, text, ObjectiveConfig())
