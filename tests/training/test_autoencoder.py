"""The autoencoder's loss and the normalization of its latents."""

import math

import pytest
import torch

from magicpose_core.models.vae import decode, encode
from magicpose_core.training.autoencoder import (
    AutoencoderObjective,
    edge_error,
    kl_divergence,
    normalize_latents,
)
from magicpose_core.training.fresh import fresh_vae

from .conftest import NETWORK


def test_divergence_of_the_prior_is_zero():
    zeros = torch.zeros(2, 4, 3, 3)
    assert kl_divergence(zeros, zeros).item() == 0


def test_divergence_is_its_closed_form():
    mean, log_variance = torch.full((1, 4, 2, 2), 2.0), torch.full((1, 4, 2, 2), math.log(0.25))
    expected = 0.5 * (4 + 0.25 - 1 - math.log(0.25))
    assert kl_divergence(mean, log_variance).item() == pytest.approx(expected)


def test_a_constant_error_has_no_edges():
    everywhere = torch.ones(1, 1, 8, 8)
    assert edge_error(torch.full((1, 3, 8, 8), 0.7), everywhere).item() == 0
    ramp = torch.arange(8.0).expand(1, 3, 8, 8)
    assert edge_error(ramp, everywhere).item() == pytest.approx(1.0)
    assert edge_error(ramp, 3 * everywhere).item() == pytest.approx(3.0)


def test_the_loss_reaches_every_weight():
    vae = fresh_vae(NETWORK, 0)
    objective = AutoencoderObjective(vae, kl=1e-4, edges=0.5)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "pictures": torch.rand((2, 3, 32, 32), generator=generator) * 2 - 1,
        "noise": torch.randn((2, 4, 4, 4), generator=generator),
        "faces": torch.zeros(2, 1, 32, 32),
    }
    objective(batch).backward()
    assert all(parameter.grad is not None for parameter in vae.parameters())


def test_what_is_wrong_in_a_face_counts_more():
    vae = fresh_vae(NETWORK, 0)
    generator = torch.Generator().manual_seed(0)
    faces = torch.zeros(2, 1, 32, 32)
    faces[:, :, 8:24, 8:24] = 1
    batch = {
        "pictures": torch.rand((2, 3, 32, 32), generator=generator) * 2 - 1,
        "noise": torch.randn((2, 4, 4, 4), generator=generator),
    }
    with torch.no_grad():
        plain, none, weighted, everywhere = (
            AutoencoderObjective(vae, kl=0.0, edges=0.5, faces=weight)({**batch, "faces": where})
            for weight, where in (
                (0.0, faces),
                (2.0, torch.zeros_like(faces)),
                (2.0, faces),
                (2.0, torch.ones_like(faces)),
            )
        )
    assert plain.item() == pytest.approx(none.item())
    assert none.item() < weighted.item() < everywhere.item()
    assert everywhere.item() == pytest.approx(3 * plain.item())


def test_normalized_latents_have_mean_0_and_deviation_1_and_decode_to_the_same():
    vae = fresh_vae(NETWORK, 0)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand((6, 3, 32, 32), generator=generator) * 2 - 1
    noise = torch.randn((6, 4, 4, 4), generator=generator)
    with torch.no_grad():
        before = decode(vae, encode(vae, pictures, noise))
        normalize_latents(vae, pictures)
        after = decode(vae, encode(vae, pictures, noise))
        latents = encode(vae, pictures, None)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(latents.mean(dim=(0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(latents.std(dim=(0, 2, 3)), torch.ones(4), rtol=1e-4, atol=1e-4)


def test_drawing_networks_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    first, second = fresh_vae(NETWORK, 3), fresh_vae(NETWORK, 3)
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
