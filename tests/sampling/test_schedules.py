from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from magicpose_core.errors import InputError
from magicpose_core.sampling.schedules import (
    add_noise,
    alphas_cumprod,
    betas,
    ddim_timesteps,
    leading_timesteps,
    remove_noise,
)


@pytest.fixture
def numbers(golden):
    return golden("schedule")


def test_betas_and_alphas_equal_the_checkpoints_buffers(numbers):
    np.testing.assert_array_equal(betas().astype(np.float32), numbers["buffer.betas"].numpy())
    np.testing.assert_array_equal(alphas_cumprod(), numbers["buffer.alphas_cumprod"].numpy())


@pytest.mark.parametrize("steps", [1, 500, 501, 999])
def test_ddim_takes_any_number_of_steps(steps):
    timesteps = ddim_timesteps(steps)
    assert len(timesteps) >= steps
    assert min(timesteps) >= 1
    assert max(timesteps) <= 999


@pytest.mark.parametrize("steps", [0, -1, 1000])
def test_ddim_names_the_range_of_steps(steps):
    with pytest.raises(InputError, match=r"1\.\.999, got"):
        ddim_timesteps(steps)


def test_noise_is_added_in_closed_form():
    latents, noise = torch.full((2, 4, 1, 1), 2.0), torch.full((2, 4, 1, 1), 3.0)
    noisy = add_noise(latents, noise, torch.tensor([0, 999]))
    for row, timestep in enumerate((0, 999)):
        alpha = alphas_cumprod()[timestep]
        expected = alpha**0.5 * 2 + (1 - alpha) ** 0.5 * 3
        torch.testing.assert_close(noisy[row], torch.full((4, 1, 1), expected, dtype=torch.float32))


def test_noise_that_was_added_is_removed_again():
    latents, noise = torch.randn(2, 1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    for timestep in (0, 500, 900):
        noisy = add_noise(latents, noise, torch.tensor(timestep))
        back = remove_noise(noisy, noise, float(alphas_cumprod()[timestep]))
        torch.testing.assert_close(back, latents, rtol=1e-4, atol=1e-4)


def test_leading_timesteps_are_even_and_end_at_1():
    assert leading_timesteps(4) == [751, 501, 251, 1]
    assert leading_timesteps(3) == [667, 334, 1]


def test_linear_betas_are_those_of_animatediff():
    theirs = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="linear")
    np.testing.assert_allclose(betas("linear"), theirs.betas.numpy(), rtol=1e-6)
    np.testing.assert_allclose(
        alphas_cumprod("linear"), theirs.alphas_cumprod.numpy(), rtol=2e-5, atol=1e-7
    )
    assert (alphas_cumprod("linear")[1:] < alphas_cumprod()[1:]).all()
