from __future__ import annotations

import copy

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0

from magicpose_core.models.appearance import AppearanceControlModel
from magicpose_core.models.networks import UNet
from magicpose_core.models.reference_attention import (
    ReferenceFeatures,
    install,
    project_reference,
    project_text,
)
from magicpose_core.models.sd15 import ControlNetShape, UNetShape

SHAPE = UNetShape(channels=(32, 64), attention=(True, False), resnets=1, context=16, heads=4)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 8, 8, generator=generator)
    return latents, torch.tensor(7), torch.randn(1, 5, 16, generator=generator).expand(2, -1, -1)


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return UNet(SHAPE)


@pytest.fixture(scope="module")
def appearance():
    torch.manual_seed(1)
    return AppearanceControlModel(ControlNetShape(unet=SHAPE))


def run(unet, inputs, **kwargs):
    return unet(*inputs, cross_attention_kwargs=kwargs or None, return_dict=False)[0]


@torch.no_grad()
def test_told_nothing_the_unet_is_bitwise_the_stock_one(unet, inputs):
    ours = run(unet, inputs)
    stock = copy.deepcopy(unet)
    stock.set_attn_processor(AttnProcessor2_0())
    assert torch.equal(ours, run(stock, inputs))


@torch.no_grad()
def test_projected_text_is_the_text(unet, inputs):
    latents, timestep, text = inputs
    given = project_text(unet, text[:1])
    nothing = (latents, timestep, torch.zeros_like(text))
    torch.testing.assert_close(run(unet, nothing, keys_values=given), run(unet, inputs))


@torch.no_grad()
def test_a_reference_that_repeats_the_frames_own_tokens_changes_nothing(unet, inputs):
    """Softmax over every token twice gives each half the weight, and the same mean."""
    tokens: dict[str, torch.Tensor] = {}

    def capture(name, hidden_states):
        tokens[name] = hidden_states

    plain = run(unet, inputs, capture=capture)
    given = project_reference(unet, ReferenceFeatures(tokens))
    torch.testing.assert_close(run(unet, inputs, keys_values=given), plain, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_one_reference_serves_all_rows(unet, appearance, inputs):
    latents, timestep, text = inputs
    features = appearance(latents[:1], timestep, text[:1])
    shared = project_reference(unet, features)
    repeated = {
        name: (key.expand(2, -1, -1), value.expand(2, -1, -1))
        for name, (key, value) in shared.items()
    }
    torch.testing.assert_close(
        run(unet, inputs, keys_values=shared), run(unet, inputs, keys_values=repeated)
    )


@torch.no_grad()
def test_joined_references_keep_all_tokens():
    features = ReferenceFeatures({"a": torch.arange(12.0).reshape(2, 3, 2)}).joined()
    assert torch.equal(features.tokens["a"], torch.arange(12.0).reshape(1, 6, 2))


def test_gradient_checkpointing_changes_neither_features_nor_gradients(appearance, inputs):
    latents, timestep, text = inputs

    def features_and_gradients(model):
        model.train().requires_grad_(True)
        features = model(latents, timestep, text).tokens
        sum(tokens.square().mean() for tokens in features.values()).backward()
        return features, {name: parameter.grad for name, parameter in model.named_parameters()}

    plain, saving = copy.deepcopy(appearance), copy.deepcopy(appearance)
    saving.enable_gradient_checkpointing()
    first, first_gradients = features_and_gradients(plain)
    second, second_gradients = features_and_gradients(saving)
    assert list(first) == list(second)
    for name, tokens in first.items():
        assert torch.equal(tokens, second[name])
    for name, gradient in first_gradients.items():
        other = second_gradients[name]
        assert (gradient is None) == (other is None), name
        if gradient is not None:
            torch.testing.assert_close(gradient, other)


def test_no_gradient_reaches_exactly_the_36_untrained_tensors(micro_models, golden):
    numbers = golden("networks")
    appearance = copy.deepcopy(micro_models.denoiser.appearance).requires_grad_(True)
    features = appearance(
        numbers["reference_latent"], torch.tensor(501), numbers["context_cond"]
    ).tokens
    sum(tokens.sum() for tokens in features.values()).backward()
    without = {id(p) for p in appearance.parameters() if p.grad is None}
    untrained = appearance.untrained_parameters()
    assert without == {id(p) for p in untrained}
    assert len(untrained) == 36


@torch.no_grad()
def test_nothing_runs_behind_the_last_attention_input(appearance, inputs):
    seen = []
    last = appearance.unet.up_blocks[-1].attentions[-1]
    for module in (*last.transformer_blocks[0].children(), last.proj_out):
        if module is not last.transformer_blocks[0].norm1:
            module.register_forward_hook(lambda *_: seen.append("ran"))
    appearance(inputs[0], inputs[1], inputs[2])
    assert seen == []


@torch.no_grad()
def test_install_covers_every_attention_layer(unet):
    fresh = UNet(SHAPE)
    install(fresh)
    assert {name.removesuffix(".processor") for name in fresh.attn_processors} == {
        processor.name for processor in fresh.attn_processors.values()
    }
