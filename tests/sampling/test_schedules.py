from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from magicpose_core.errors import InputError
from magicpose_core.sampling.noise import draw_noise, frame_generators
from magicpose_core.sampling.schedules import (
    SCHEDULERS,
    Ddim,
    add_noise,
    alphas_cumprod,
    betas,
    ddim_timesteps,
    make_stepper,
)


@pytest.fixture
def numbers(golden):
    return golden("schedule")


def test_betas_and_alphas_equal_the_checkpoints_buffers(numbers):
    np.testing.assert_array_equal(betas().astype(np.float32), numbers["buffer.betas"].numpy())
    np.testing.assert_array_equal(alphas_cumprod(), numbers["buffer.alphas_cumprod"].numpy())


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
        scaled = stepper.scale(latents, position)
        latents = stepper.step(_exact_noise(scaled, timestep, clean), position, latents, generators)
    assert (latents - clean).abs().max() < 0.1


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_stepper_takes_its_whole_range_of_steps_and_names_it(name):
    most = {"ddim": 999, "lcm": 50}.get(name, 998)
    for steps in (1, 2, most):
        timesteps = make_stepper(name, steps).timesteps
        assert len(timesteps) >= steps
        assert 0 <= min(timesteps) <= max(timesteps) <= 999
    for steps in (0, most + 1):
        with pytest.raises(InputError, match=rf"steps must be 1\.\.{most}\b.*, got {steps}"):
            make_stepper(name, steps)


def test_eta_belongs_to_ddim_alone():
    with pytest.raises(InputError, match="leave it at 0"):
        make_stepper("euler", 10, eta=1.0)


def test_an_unknown_scheduler_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"heun.*ddim.*lcm"):
        make_stepper("heun", 10)


def test_shared_noise_is_the_same_for_all_frames_and_others_do_not_depend_on_the_clip():
    like = torch.empty(4, 4, 8, 8)
    shared = draw_noise(like, frame_generators(5, 4, shared=True))
    assert all(torch.equal(row, shared[0]) for row in shared)
    own = draw_noise(like, frame_generators(5, 4, shared=False))
    assert not torch.equal(own[0], own[1])
    assert torch.equal(own[:2], draw_noise(like[:2], frame_generators(5, 2, shared=False)))
