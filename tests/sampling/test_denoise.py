from __future__ import annotations

import pytest
import torch

from magicpose_core.errors import NotFiniteError
from magicpose_core.sampling.denoise import denoise
from magicpose_core.sampling.schedules import alphas_cumprod
from magicpose_core.sampling.settings import SCHEDULERS
from magicpose_core.sampling.steppers import Ddim, make_stepper
from magicpose_core.sampling.windows import FrameWindows


def constant(value):
    return lambda latents, timestep, frames: torch.full_like(latents, value)


def test_a_prediction_that_is_not_finite_is_never_stepped():
    with pytest.raises(NotFiniteError, match=r"timestep 751 is not finite"):
        denoise(
            constant(float("nan")),
            torch.zeros(1, 4, 2, 2),
            Ddim(4),
            FrameWindows(1),
            torch.zeros_like,
        )


def test_the_starting_noise_is_not_changed():
    noise = torch.ones(2, 4, 2, 2)
    denoise(constant(0.5), noise, Ddim(4), FrameWindows(1), torch.zeros_like)
    assert torch.equal(noise, torch.ones(2, 4, 2, 2))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_step_tells_how_far_it_is_and_what_the_clip_will_be(name):
    """A network that knows the clean latents must be believed from the first step on."""
    clean = torch.linspace(-1, 1, 2 * 4 * 4 * 4).reshape(2, 4, 4, 4)

    def predict(latents, timestep, frames):
        alpha = float(alphas_cumprod()[timestep])
        return (latents - alpha**0.5 * clean[list(frames)]) / (1 - alpha) ** 0.5

    seen = []
    noise = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    stepper = make_stepper(name, 5)
    result = denoise(predict, noise, stepper, FrameWindows(1), torch.zeros_like, seen.append)
    assert [(step.done, step.total) for step in seen] == [(n, 5) for n in range(1, 6)]
    assert [step.timestep for step in seen] == list(stepper.timesteps)
    assert torch.equal(seen[-1].latents, result)
    for step in seen:
        torch.testing.assert_close(step.clean(), clean, rtol=0, atol=1e-3)


def test_what_a_callback_raises_ends_the_sampling():
    calls = []

    def interrupt(step):
        calls.append(step)
        raise KeyboardInterrupt

    noise = torch.ones(1, 4, 2, 2)
    with pytest.raises(KeyboardInterrupt):
        denoise(constant(0.5), noise, Ddim(4), FrameWindows(1), torch.zeros_like, interrupt)
    assert len(calls) == 1
