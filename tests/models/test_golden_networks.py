"""Each network against the numbers of the authors' code."""

from __future__ import annotations

import pytest
import torch

from magicpose_core.models.denoiser import Conditioning
from magicpose_core.models.sd15 import UNetShape, attention_layers

SINGLE_PASS = 1e-5
TIMESTEPS = (1, 101, 501, 981)


@pytest.fixture
def numbers(golden):
    return golden("networks")


@torch.no_grad()
def test_appearance_features_equal_the_golden_banks(micro_models, numbers, relative_error):
    appearance = micro_models.denoiser.appearance
    features = appearance(numbers["reference_latent"], torch.tensor(501), numbers["context_cond"])
    layers = attention_layers(UNetShape())
    assert list(features.tokens) == [layer.self_attention for layer in layers]
    for index, tokens in enumerate(features.tokens.values()):
        assert relative_error(tokens, numbers[f"bank_t501.{index:02d}"]) < SINGLE_PASS


@torch.no_grad()
def test_pose_residuals_equal_the_golden_ones(micro_models, numbers, relative_error):
    pose = micro_models.denoiser.pose
    hint = pose.embed(numbers["pose_map"])
    assert relative_error(hint, numbers["pose_hint_t501"]) < SINGLE_PASS
    residuals = pose(numbers["x_t"], torch.tensor(501), numbers["context_cond"], hint)
    for index, residual in enumerate((*residuals.down, residuals.mid)):
        assert relative_error(residual, numbers[f"pose_residual_t501.{index:02d}"]) < SINGLE_PASS


@torch.no_grad()
@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_both_halves_of_guidance_equal_the_golden_noise(
    micro_models, numbers, relative_error, timestep
):
    denoiser = micro_models.denoiser
    text = numbers["context_cond"]
    hint = denoiser.pose.embed(numbers["pose_map"])
    conditional = denoiser.prepare(
        Conditioning(
            text=text, reference=lambda _: numbers["reference_latent"], hint=lambda _: hint
        )
    )
    unconditional = denoiser.prepare(Conditioning(text=text))
    eps = conditional(numbers["x_t"], timestep, [0])
    assert relative_error(eps, numbers[f"eps_cond_t{timestep}"]) < SINGLE_PASS
    eps = unconditional(numbers["x_t"], timestep, [0])
    assert relative_error(eps, numbers[f"eps_uncond_t{timestep}"]) < SINGLE_PASS


@torch.no_grad()
def test_empty_text_equals_the_golden_noise(micro_models, numbers, relative_error):
    denoiser = micro_models.denoiser
    text = numbers["context_uncond"]
    hint = denoiser.pose.embed(numbers["pose_map"])
    conditional = denoiser.prepare(
        Conditioning(
            text=text, reference=lambda _: numbers["reference_latent"], hint=lambda _: hint
        )
    )
    eps = conditional(numbers["x_t"], 981, [0])
    assert relative_error(eps, numbers["eps_cond_emptytext_t981"]) < SINGLE_PASS
    eps = denoiser.prepare(Conditioning(text=text))(numbers["x_t"], 981, [0])
    assert relative_error(eps, numbers["eps_uncond_emptytext_t981"]) < SINGLE_PASS


@torch.no_grad()
@pytest.mark.parametrize(
    ("reference", "gold"),
    [
        ("reference_nonsquare", "eps_cond_nonsquare_t501"),
        ("reference_latent", "eps_cond_nonsquare_squareref_t501"),
    ],
)
def test_frames_and_references_of_any_size(micro_models, numbers, relative_error, reference, gold):
    denoiser = micro_models.denoiser
    hint = denoiser.pose.embed(numbers["pose_nonsquare"])
    conditional = denoiser.prepare(
        Conditioning(
            text=numbers["context_cond"],
            reference=lambda _: numbers[reference],
            hint=lambda _: hint,
        )
    )
    eps = conditional(numbers["x_t_nonsquare"], 501, [0])
    assert relative_error(eps, numbers[gold]) < SINGLE_PASS


@torch.no_grad()
def test_training_forward_takes_a_timestep_for_each_row(micro_models, numbers, relative_error):
    denoiser = micro_models.denoiser
    timesteps = numbers["timesteps3"]
    text = numbers["context_cond"].expand(3, -1, -1)
    reference = numbers["reference_latent"].expand(3, -1, -1, -1)
    eps = denoiser(
        numbers["x_t3"],
        timesteps,
        text,
        features=denoiser.appearance(reference, timesteps, text),
        residuals=denoiser.pose(
            numbers["x_t3"], timesteps, text, denoiser.pose.embed(numbers["pose_map3"])
        ),
    )
    assert relative_error(eps, numbers["eps_cond_mixed_t"]) < SINGLE_PASS


@torch.no_grad()
def test_text_encoder_equals_the_golden_state(micro_models, golden, relative_error):
    numbers = golden("text")
    states = micro_models.text(numbers["input_ids"])
    assert relative_error(states, numbers["last_hidden_state"]) < SINGLE_PASS
    empty = micro_models.text.empty_prompt()
    assert relative_error(empty, numbers["last_hidden_state"][:1]) < SINGLE_PASS
