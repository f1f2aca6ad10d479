from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch
from torch import Tensor

from magicpose_core.errors import InputError
from magicpose_core.sampling.noise import draw_noise, frame_generators
from magicpose_core.sampling.schedules import alphas_cumprod, betas
from magicpose_core.sampling.settings import SCHEDULERS
from magicpose_core.sampling.steppers import Ddim, make_stepper


@pytest.fixture
def numbers(golden):
    return golden("schedule")


@pytest.mark.parametrize("steps", [4, 7, 10, 20, 30, 50, 100])
@pytest.mark.parametrize("eta", [0, 1])
def test_ddim_equals_the_authors_tables(numbers, steps, eta):
    ours = Ddim(steps, eta)
    gold = {
        name: numbers[f"steps{steps}.{name}"].numpy()[::-1]
        for name in ("timesteps", "alphas", "alphas_prev", f"sigmas_eta{eta}")
    }
    np.testing.assert_array_equal(ours.timesteps, gold["timesteps"])
    np.testing.assert_array_equal(ours.alphas, gold["alphas"])
    np.testing.assert_array_equal(ours.alphas_prev, gold["alphas_prev"])
    np.testing.assert_allclose(ours.sigmas, gold[f"sigmas_eta{eta}"], rtol=1e-6)


def _exact_noise(latents: Tensor, timestep: int, clean: Tensor) -> Tensor:
    alpha = float(alphas_cumprod()[timestep])
    return (latents - alpha**0.5 * clean) / (1 - alpha) ** 0.5


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_stepper_finds_the_picture_of_a_perfect_predictor(name):
    """A network that always knows the clean latents must end near them, whatever the stepper."""
    stepper = make_stepper(name, 20)
    generators = frame_generators(3, 2, shared=False)
    clean = torch.linspace(-1, 1, 2 * 4 * 8 * 8).reshape(2, 4, 8, 8)
    latents = draw_noise(clean, generators) * stepper.first_scale
    for position, timestep in enumerate(stepper.timesteps):
        noise = _exact_noise(stepper.scale(latents, position), timestep, clean)
        fresh = draw_noise(latents, generators) if stepper.adds_noise(position) else None
        latents = stepper.step(noise, position, latents, fresh)
    assert (latents - clean).abs().max() < 0.1


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_stepper_takes_its_whole_range_of_steps_and_names_it(name):
    most = {"ddim": 999, "lcm": 50}.get(name, 998)
    for steps in (1, 2, most):
        timesteps = make_stepper(name, steps).timesteps
        assert len(timesteps) >= steps
        assert 0 <= min(timesteps) <= max(timesteps) <= 999
    for steps in (0, most + 1):
        with pytest.raises(InputError, match=rf"steps must be in 1\.\.{most}\b.*, got {steps}"):
            make_stepper(name, steps)


def test_eta_belongs_to_ddim_alone():
    with pytest.raises(InputError, match="leave it at 0"):
        make_stepper("euler", 10, eta=1.0)


def test_an_unknown_scheduler_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"ddim.*lcm, got .heun"):
        make_stepper("heun", 10)


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 50])
@pytest.mark.parametrize("name", ["euler_ancestral", "lcm"])
def test_steppers_that_add_noise_equal_those_of_diffusers(name, steps):
    """They are written out here so that the noise is an argument; diffusers draws it inside."""
    classes = {
        "euler_ancestral": (diffusers.EulerAncestralDiscreteScheduler, {"steps_offset": 1}),
        "lcm": (diffusers.LCMScheduler, {}),
    }
    kind, settings = classes[name]
    spacing = {"timestep_spacing": "leading"} | settings
    theirs = kind(trained_betas=betas().tolist(), **spacing)
    theirs.set_timesteps(steps)
    ours = make_stepper(name, steps)
    assert ours.timesteps == [int(timestep) for timestep in theirs.timesteps]
    assert ours.first_scale == pytest.approx(float(theirs.init_noise_sigma), rel=1e-5)
    draw = torch.Generator().manual_seed(0)
    latents = other = torch.randn(2, 4, 8, 8, generator=draw) * ours.first_scale
    generators, their_generators = (frame_generators(3, 2, shared=False) for _ in range(2))
    for position, timestep in enumerate(theirs.timesteps):
        inputs = theirs.scale_model_input(other, timestep)
        torch.testing.assert_close(ours.scale(latents, position), inputs, rtol=1e-4, atol=1e-4)
        noise = torch.randn(2, 4, 8, 8, generator=draw)
        fresh = draw_noise(latents, generators) if ours.adds_noise(position) else None
        latents = ours.step(noise, position, latents, fresh)
        other = theirs.step(noise, timestep, other, generator=their_generators).prev_sample
        torch.testing.assert_close(latents, other, rtol=1e-4, atol=1e-4)
