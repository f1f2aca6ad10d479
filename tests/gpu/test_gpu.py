"""What only a GPU can show: its numbers, its memory, a clip and a training step (make gpu)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from magicpose_core import SamplingSettings, load_pipeline
from magicpose_core.doctor.examine import precisions
from magicpose_core.doctor.machine import devices
from magicpose_core.doctor.micro_model import golden_numbers, load_micro_models
from magicpose_core.doctor.self_test import self_test
from magicpose_core.evaluation.random_clip import prepare_step, random_clip, random_denoiser
from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.models.motion import MotionUNet
from magicpose_core.models.sd15 import ControlNetShape
from magicpose_core.sampling.windows import FrameWindows
from magicpose_core.training.clip_objective import ClipObjective
from magicpose_core.training.config import (
    DataConfig,
    NetworkConfig,
    ObjectiveConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
)
from magicpose_core.training.fresh import fresh_denoiser, fresh_motion
from magicpose_core.training.graphed import GraphedStep
from magicpose_core.training.objective import NoiseObjective
from magicpose_core.training.run import train_stage
from magicpose_core.training.stages import find_stage

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def _fresh_accelerator():
    """Let each test choose its precision; accelerate keeps one for the process."""
    AcceleratorState._reset_state()


@pytest.fixture(scope="module")
def device():
    found = devices()[1:]
    if not found:
        pytest.fail("there is no GPU that PyTorch sees; 'magicpose doctor' says why")
    return found[0]


@pytest.fixture(scope="module")
def micro_models():
    return load_micro_models()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_its_numbers_are_the_authors(micro_models, device, dtype):
    if dtype not in precisions(device):
        pytest.skip(f"{device} does not multiply {dtype}")
    differences = self_test(micro_models, golden_numbers(), device, dtype)
    assert [each for each in differences if each.wrong] == []


def test_compiled_networks_give_the_same_clip(device, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # each rounds at other places
    pipeline = load_pipeline(device=device, dtype="fp32")
    pose_maps = [np.zeros((128, 128, 3), np.uint8)] * 2
    picture = np.full((128, 128, 3), 128, np.uint8)
    settings = SamplingSettings(steps=2, frames_per_batch=2)

    def latents():
        return pipeline.render(picture, pose_maps, settings=settings).latents()

    plain = latents()
    pipeline.compile()
    torch.testing.assert_close(latents(), plain, rtol=1e-3, atol=1e-3)


def test_the_step_loop_does_not_wait_for_the_gpu(device):
    """Between two steps nothing is read back: sampling is queued before it is computed."""
    shape = ControlNetShape()
    denoiser = random_denoiser(shape, device).to(torch.float16)
    clip = random_clip(shape, frames=2, size=512).to(device).to(torch.float16)
    with torch.inference_mode():
        step = prepare_step(denoiser, clip, FrameWindows(2))
        step(981)
        torch.cuda.synchronize(device)
        torch.cuda.set_sync_debug_mode("error")
        try:
            step(961)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def peak_of_a_step(denoiser, device, frames):
    shape = ControlNetShape()
    clip = random_clip(shape, frames=frames, size=512).to(device).to(torch.float16)
    with torch.inference_mode():
        step = prepare_step(denoiser, clip, FrameWindows(2))
        torch.cuda.reset_peak_memory_stats(device)
        step(981)
    kept = clip.latents.nbytes + clip.pose_maps.nbytes
    return torch.cuda.max_memory_allocated(device) - kept


def test_memory_does_not_grow_with_the_clip(device):
    if device.type != "cuda":
        pytest.skip("only CUDA tells its peak")
    denoiser = random_denoiser(ControlNetShape(), device).half()
    short, long = (peak_of_a_step(denoiser, device, frames) for frames in (2, 16))
    a_frame = 8 << 20  # latents, hint embedding and prediction of a frame, kept by the clip
    assert long - short < 14 * a_frame


def test_the_demo_renders_alike_on_the_gpu_and_on_the_cpu(device):
    person = np.full((128, 128, 3), 200, np.uint8)
    pose = np.zeros((128, 128, 3), np.uint8)
    pose[20:100, 60:66] = (255, 0, 0)
    settings = SamplingSettings(steps=4, guidance_scale=2.0)
    frames = []
    for name in ("cpu", str(device)):
        pipeline = load_pipeline(device=name, dtype="fp32")
        frames += list(pipeline.render(person, [pose], settings=settings))
    difference = np.abs(frames[0].astype(float) - frames[1].astype(float)).mean()
    assert difference < 2.0  # grey levels; convolutions may run in TF32


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_training_step_learns(device, tmp_path, precision):
    config = TrainingConfig(
        output=tmp_path / "run",
        data=DataConfig(source="dancers", size=64, heldout=2),
        network=NetworkConfig(
            channels=(32, 32, 32, 32),
            heads=4,
            text_width=16,
            vae_channels=(32, 32, 32, 32),
            vae_resnets=1,
        ),
        optimizer=OptimizerConfig(learning_rate=1e-3, batch=4),
        run=RunConfig(steps=20, save_every=20, validate_every=20, sample_every=0, seed=7),
    )
    run = dataclasses.replace(config.run, mixed_precision=precision)
    losses = []
    train_stage(
        "vae",
        dataclasses.replace(config, run=run),
        on_step=lambda step, loss: losses.append(loss),
    )
    assert len(losses) == 20
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


NETWORK = NetworkConfig(channels=(32, 32, 32, 32), heads=4, text_width=16)
TEXT = torch.zeros(1, 77, 16)


def of_pairs():
    """A loss of pairs and a batch for it."""
    config = ObjectiveConfig(plain_share=0.5, weighting="debiased", faces=2.0)
    denoiser = fresh_denoiser(NETWORK, 0)
    rng = torch.Generator().manual_seed(0)
    return NoiseObjective(denoiser, find_stage("base", config), TEXT, config), {
        "latents": torch.randn(4, 4, 16, 16, generator=rng),
        "reference": torch.randn(4, 4, 16, 16, generator=rng),
        "noise": torch.randn(4, 4, 16, 16, generator=rng),
        "timesteps": torch.tensor([1, 300, 600, 999]),
        "pose_maps": torch.rand(4, 3, 128, 128, generator=rng),
    }


def of_clips():
    """A loss of clips that the model renders itself, and a batch for it."""
    config = ObjectiveConfig(own_renderings=1.0, changes=3.0)
    denoiser = fresh_denoiser(NETWORK, 0)
    motion = fresh_motion(NETWORK, denoiser.unet.shape, 0)
    whole = MagicPoseDenoiser(MotionUNet(denoiser.unet, motion), denoiser.appearance, denoiser.pose)
    rng = torch.Generator().manual_seed(0)
    return ClipObjective(whole, TEXT, config, guidance_scale=2.0), {
        "latents": torch.randn(3, 4, 4, 16, 16, generator=rng),
        "reference": torch.randn(3, 4, 16, 16, generator=rng),
        "noise": torch.randn(3, 4, 4, 16, 16, generator=rng),
        "timesteps": torch.tensor([150, 500, 900]),
        "pose_maps": torch.rand(3, 4, 3, 128, 128, generator=rng),
        "own": torch.ones(3, dtype=torch.bool),
        "plain": torch.zeros(3, dtype=torch.bool),
    }


def a_training_step(made, device):
    """A loss, the weights that learn, their AdamW and a batch, the same each time."""
    objective, batch = made()
    objective.to(device)
    parameters = [each for each in objective.parameters() if each.requires_grad]
    return objective, parameters, torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0), batch


@pytest.mark.parametrize("made", [of_pairs, of_clips])
def test_a_graph_does_the_steps_that_the_loop_does(made, device):
    if device.type != "cuda":
        pytest.skip("only CUDA has graphs")
    clip = 0.5
    objective, plain, optimizer, batch = a_training_step(made, device)
    expected = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = objective({name: tensor.to(device) for name, tensor in batch.items()})
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(plain, clip)
        optimizer.step()
        expected.append((float(loss), float(norm)))

    objective, graphed, optimizer, batch = a_training_step(made, device)
    step = GraphedStep(objective, graphed, optimizer, clip, batch)
    got = [tuple(map(float, step(batch, 1e-3))) for _ in range(3)]

    np.testing.assert_allclose(got, expected, rtol=1e-2)
    for there, here in zip(graphed, plain, strict=True):
        # AdamW takes a step of its full length whichever way a gradient of next to nothing points
        torch.testing.assert_close(there, here, rtol=1e-2, atol=6e-3)  # three of 1e-3 each way
