from __future__ import annotations

import copy
import logging

import pytest
import torch

from magicpose_core.errors import NotFiniteError
from magicpose_core.models import vae
from magicpose_core.models.sd15 import LATENT_SCALE

SINGLE_PASS = 1e-5


@torch.no_grad()
@pytest.mark.parametrize("shape", ["square", "nonsquare"])
def test_encoding_and_decoding_equal_the_golden_numbers(
    micro_models, golden, relative_error, shape
):
    numbers = {k.removeprefix(f"{shape}."): v for k, v in golden("vae").items()}
    sample = vae.encode(micro_models.vae, numbers["image"], numbers["noise"])
    mean = vae.encode(micro_models.vae, numbers["image"], None)
    decoded = vae.decode(micro_models.vae, numbers["latent"])
    assert relative_error(sample, numbers["scaled_sample"]) < SINGLE_PASS
    assert relative_error(mean, numbers["scaled_mean"]) < SINGLE_PASS
    assert relative_error(decoded, numbers["decoded"]) < SINGLE_PASS


@pytest.fixture
def overflowing(micro_models):
    """An autoencoder in float16 whose numbers leave float16's range and fit into float32's."""
    network = copy.deepcopy(micro_models.vae).half()
    with torch.no_grad():
        network.post_quant_conv.weight.mul_(0).add_(1e4)
    return network


@torch.no_grad()
def test_what_overflows_in_float16_is_redone_in_float32(overflowing, caplog):
    latents = torch.full((1, 4, 8, 8), 60.0) * LATENT_SCALE
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        decoded = vae.decode(overflowing, latents)
    assert torch.isfinite(decoded).all()
    assert "overflowed in float16" in caplog.text


@torch.no_grad()
def test_an_autoencoder_that_overflows_is_never_touched(overflowing):
    """Not even for a moment: whoever looks while it decodes finds it as it was."""
    seen = []
    hook = overflowing.decoder.register_forward_pre_hook(lambda *_: seen.append(overflowing.dtype))
    before = {name: (t.data_ptr(), t.dtype) for name, t in overflowing.named_parameters()}
    latents = torch.full((2, 4, 8, 8), 60.0) * LATENT_SCALE
    assert len(list(vae.decode_each(overflowing, latents.split(1)))) == 2
    hook.remove()
    assert set(seen) == {torch.float16}
    assert {name: (t.data_ptr(), t.dtype) for name, t in overflowing.named_parameters()} == before


@torch.no_grad()
def test_what_is_not_finite_in_float32_is_reported_and_never_returned(micro_models):
    with pytest.raises(NotFiniteError, match="turned the latents into NaN or infinity"):
        vae.decode(micro_models.vae, torch.full((1, 4, 8, 8), torch.inf))
    with pytest.raises(NotFiniteError, match="turned the picture into NaN"):
        vae.encode(micro_models.vae, torch.full((1, 3, 64, 64), torch.nan), None)
