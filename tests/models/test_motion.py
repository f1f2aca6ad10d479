from __future__ import annotations

import dataclasses
import functools

import pytest
import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel, UNetMotionModel

from magicpose_core.errors import InputError
from magicpose_core.models.motion import MotionUNet
from magicpose_core.models.motion_plan import MotionShape
from magicpose_core.models.networks import UNet
from magicpose_core.models.reference_attention import ReferenceFeatures, project_reference
from magicpose_core.models.sd15 import UNetShape, attention_layers

from ..motion_files import NARROW, VERSIONS, random_module

UNET = UNetShape(channels=NARROW, context=16, heads=4)
FRAMES = 5


@pytest.fixture(scope="module")
def unet():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return UNet(UNET).double().eval().requires_grad_(False)  # no rounding to amplify


def inputs(windows: int = 1):
    generator = torch.Generator().manual_seed(2)
    latents = torch.randn((windows, FRAMES, 4, 8, 8), generator=generator).double()
    text = torch.randn((windows * FRAMES, 7, UNET.context), generator=generator).double()
    return latents, torch.tensor(500), text


def drawn(shape: MotionShape):
    return random_module(shape).double()


def silenced(shape: MotionShape):
    module = drawn(shape)
    for name, parameter in module.named_parameters():
        if ".proj_out." in name:
            parameter.zero_()
    return module


def norm_each_frame(norm, hidden):
    """Do as AnimateDiff's own code; diffusers norms (B, C, F, h, w) over all frames."""
    return torch.stack([norm(hidden[:, :, frame]) for frame in range(hidden.shape[2])], dim=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_computes_what_diffusers_motion_model_computes(unet, version):
    module = drawn(VERSIONS[version])
    plain = UNet2DConditionModel.from_config(unet.config).double().eval()
    plain.load_state_dict(unet.state_dict())
    theirs = UNetMotionModel.from_unet2d(plain, module).eval()
    for name, part in theirs.named_modules():
        if name.endswith(".norm") and "motion_modules" in name:
            part.forward = functools.partial(norm_each_frame, part.forward)
    latents, timestep, text = inputs(windows=2)
    with torch.no_grad():
        expected = theirs(latents.transpose(1, 2), timestep, text).sample.transpose(1, 2)
    predicted = MotionUNet(unet, module)(latents, timestep, text)[0]
    assert (predicted - expected).abs().max() < 1e-5


def test_a_temporal_transformer_is_that_of_animatediff():
    """Its equations one by one: norm of each frame, attention over frames twice, feed-forward."""
    module = drawn(VERSIONS["v3"])
    part = module.down_blocks[0].motion_modules[0]
    block, heads = part.transformer_blocks[0], VERSIONS["v3"].heads
    hidden = torch.randn((FRAMES, 32, 3, 2), generator=torch.Generator().manual_seed(4)).double()

    tokens = F.group_norm(hidden, 32, part.norm.weight, part.norm.bias, eps=1e-6)
    tokens = part.proj_in(tokens.permute(2, 3, 0, 1))  # (h, w, F, C)
    for norm, attention in ((block.norm1, block.attn1), (block.norm2, block.attn2)):
        placed = norm(tokens) + positions(FRAMES, 32)
        parts = (attention.to_q, attention.to_k, attention.to_v)
        q, k, v = (p(placed).unflatten(-1, (heads, -1)).transpose(-3, -2) for p in parts)
        weights = (q @ k.transpose(-1, -2) / (32 / heads) ** 0.5).softmax(-1)
        tokens = tokens + attention.to_out[0]((weights @ v).transpose(-3, -2).flatten(-2))
    wide, gate = block.ff.net[0].proj(block.norm3(tokens)).chunk(2, dim=-1)
    tokens = tokens + block.ff.net[2](wide * F.gelu(gate))
    expected = hidden + part.proj_out(tokens).permute(2, 3, 0, 1)

    assert (part(hidden, num_frames=FRAMES) - expected).abs().max() < 1e-6


def positions(frames: int, channels: int):
    """Sines and cosines in turn, of wavelengths from 2 pi to 10,000 times that."""
    rates = 10000 ** (-torch.arange(0, channels, 2).double() / channels)
    angles = torch.arange(frames)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_without_output_every_frame_is_that_of_the_plain_model(unet, version):
    latents, timestep, text = inputs()
    together = MotionUNet(unet, silenced(VERSIONS[version]))(latents[0], timestep, text)[0]
    plain = unet(latents[0], timestep, text, return_dict=False)[0]
    assert (together - plain).norm() / plain.norm() < 1e-5


def test_frames_see_each_other_and_windows_do_not(unet):
    network = MotionUNet(unet, drawn(VERSIONS["v3"]))
    latents, timestep, text = inputs(windows=2)
    before = network(latents, timestep, text)[0]
    changed = latents.clone()
    changed[0, 0] += 1
    after = network(changed, timestep, text)[0]
    assert (after[0, 1:] - before[0, 1:]).abs().max() > 1e-3
    assert torch.allclose(after[1], before[1], atol=1e-5)
    alone = network(latents[1], timestep, text[FRAMES:])[0]
    assert torch.allclose(alone, before[1], atol=1e-4)


def test_the_reference_reaches_the_same_layers_as_without_a_module(unet):
    latents, timestep, text = inputs()
    generator = torch.Generator().manual_seed(3)
    widths = {name: part.in_features for name, part in _queries(unet).items()}
    features = ReferenceFeatures(
        {
            layer.self_attention: torch.randn(
                (1, 6, widths[layer.self_attention]), generator=generator
            ).double()
            for layer in attention_layers(UNET)
        }
    )
    silent = MotionUNet(unet, silenced(VERSIONS["v2"]))
    results = [
        network(
            latents[0],
            timestep,
            text,
            cross_attention_kwargs={"keys_values": project_reference(network, features)},
            return_dict=False,
        )[0]
        for network in (unet, silent)
    ]
    assert (results[0] - results[1]).norm() / results[0].norm() < 1e-5
    plain = unet(latents[0], timestep, text, return_dict=False)[0]
    assert (results[0] - plain).abs().max() > 1e-3


def _queries(unet):
    return {
        name.removesuffix(".to_q"): part
        for name, part in unet.named_modules()
        if name.endswith("attn1.to_q")
    }


def test_gradients_are_the_same_when_activations_are_computed_again(unet):
    latents, timestep, text = inputs()
    gradients = []
    for again in (False, True):
        module = drawn(VERSIONS["v2"]).requires_grad_(True)
        network = MotionUNet(unet, module).train()
        if again:
            network.enable_gradient_checkpointing()
        network(latents, timestep, text)[0].square().mean().backward()
        network.disable_gradient_checkpointing()
        gradients.append([parameter.grad for parameter in module.parameters()])
        unet.eval()
    for plain, computed_again in zip(*gradients, strict=True):
        assert torch.allclose(plain, computed_again, atol=1e-6)


def test_a_module_of_other_widths_is_refused(unet):
    other = drawn(MotionShape(channels=(32, 32, 32, 32)))
    with pytest.raises(InputError, match=r"\[32, 32, 32, 32\].*the model's has \[32, 32, 64, 64\]"):
        MotionUNet(unet, other)


def test_a_window_longer_than_the_positions_is_refused(unet):
    short = dataclasses.replace(VERSIONS["v3"], positions=4)
    latents, timestep, text = inputs()
    with pytest.raises(InputError, match=r"window_length must be at most 4, .*got 5"):
        MotionUNet(unet, drawn(short))(latents, timestep, text)
