"""The bench's baseline computes the authors' numbers, so that beating it means something."""

from __future__ import annotations

import pytest
import torch

from magicpose_core.evaluation.authors_schedule import (
    ExplicitAttention,
    appearance_pass,
    explicit_attention,
    frame_step,
    pose_pass,
    unet_pass,
)
from magicpose_core.models.reference_attention import ReferenceAttention
from magicpose_core.sampling.denoise import denoise
from magicpose_core.sampling.steppers import Ddim
from magicpose_core.sampling.windows import FrameWindows

SINGLE_PASS, WHOLE_RUN = 1e-5, 1e-4


@pytest.fixture
def denoiser(micro_models):
    with torch.no_grad(), explicit_attention(micro_models.denoiser):
        yield micro_models.denoiser


def test_banks_and_residuals_equal_the_golden_ones(denoiser, golden, relative_error):
    numbers, step = golden("networks"), torch.tensor(501)
    text = numbers["context_cond"]
    features = appearance_pass(denoiser, numbers["reference_latent"], step, text)
    assert len(features.tokens) == 16
    for index, tokens in enumerate(features.tokens.values()):
        assert relative_error(tokens, numbers[f"bank_t501.{index:02d}"]) < SINGLE_PASS
    residuals = pose_pass(denoiser, numbers["x_t"], step, text, numbers["pose_map"])
    for index, residual in enumerate((*residuals.down, residuals.mid)):
        assert relative_error(residual, numbers[f"pose_residual_t501.{index:02d}"]) < SINGLE_PASS


@pytest.mark.parametrize("timestep", [1, 101, 501, 981])
def test_both_halves_equal_the_golden_noise(denoiser, golden, relative_error, timestep):
    numbers, step = golden("networks"), torch.tensor(timestep)
    latents, text = numbers["x_t"], numbers["context_cond"]
    features = appearance_pass(denoiser, numbers["reference_latent"], step, text)
    residuals = pose_pass(denoiser, latents, step, text, numbers["pose_map"])
    noise = unet_pass(denoiser, latents, step, text, features, residuals)
    assert relative_error(noise, numbers[f"eps_cond_t{timestep}"]) < SINGLE_PASS
    noise = unet_pass(denoiser, latents, step, text)
    assert relative_error(noise, numbers[f"eps_uncond_t{timestep}"]) < SINGLE_PASS


@pytest.mark.parametrize(
    ("run", "steps", "scale", "text"),
    [
        ("important4", 4, 7.0, "context_cond"),
        ("important4_empty_text", 4, 7.0, "context_uncond"),
        ("important4_scale2", 4, 2.0, "context_cond"),
        ("frames3", 4, 7.0, "context_cond"),
    ],
)
def test_runs_equal_the_golden_ones(denoiser, golden, relative_error, run, steps, scale, text):
    numbers = golden("ddim")
    pose_maps = numbers.get(f"{run}.pose_map", numbers["pose_map"])

    def predict(latents, timestep, frames):
        return frame_step(
            denoiser,
            latents,
            timestep,
            numbers[text],
            reference_latents=numbers["reference_latent"],
            pose_map=pose_maps[list(frames)],
            guidance_scale=scale,
        )

    noise = numbers["x_T"].expand(len(pose_maps), -1, -1, -1)
    samples = denoise(predict, noise, Ddim(steps), FrameWindows(1), torch.zeros_like)
    assert relative_error(samples, numbers[f"{run}.samples"]) < WHOLE_RUN


def test_attention_is_as_before_behind_the_block(micro_models):
    networks = (
        micro_models.denoiser.unet,
        micro_models.denoiser.appearance.unet,
        micro_models.denoiser.pose.controlnet,
    )
    with explicit_attention(micro_models.denoiser):
        for network in networks:
            for processor in network.attn_processors.values():
                assert isinstance(processor, ExplicitAttention)
    for network in networks:
        for name, processor in network.attn_processors.items():
            assert isinstance(processor, ReferenceAttention)
            assert f"{processor.name}.processor" == name
