from __future__ import annotations

import pytest
import torch

from magicpose_core.sampling.guidance import guide, guided_timesteps

TIMESTEPS = [801, 601, 401, 201, 1]


class Half:
    """A prediction that differs from frame to frame and step to step, and counts its calls."""

    def __init__(self, factor):
        self.factor = factor
        self.asked = []

    def __call__(self, latents, timestep, frames):
        self.asked.append(timestep)
        steps = torch.tensor([self.factor * (1 + frame) * timestep for frame in frames])
        return latents + steps.reshape(-1, 1, 1, 1)


def run(guided_at, cuts=(range(3),)):
    conditional, unconditional = Half(0.5), Half(0.2)
    predict = guide(conditional, unconditional, 4.0, guided_at)
    noise = {}
    for timestep in TIMESTEPS:
        parts = [predict(torch.ones(len(frames), 1, 1, 1), timestep, frames) for frames in cuts]
        noise[timestep] = torch.cat(parts)
    return noise, unconditional.asked


def test_unless_told_otherwise_both_halves_run_in_every_step():
    noise, asked = run(None)
    assert asked == TIMESTEPS
    everything, _ = run(guided_timesteps(TIMESTEPS, start=0, stop=1))
    assert all(torch.equal(noise[timestep], everything[timestep]) for timestep in TIMESTEPS)


def test_guidance_works_in_its_share_of_the_steps():
    guided_at = guided_timesteps(TIMESTEPS, start=0.2, stop=0.6)
    assert guided_at == {601, 401}
    noise, asked = run(guided_at)
    full, _ = run(None)
    assert asked == [601, 401]
    assert torch.equal(noise[601], full[601])
    alone = Half(0.5)(torch.ones(3, 1, 1, 1), 801, range(3))
    assert torch.equal(noise[801], alone)


@pytest.mark.parametrize("cuts", [(range(1), range(1, 3)), (range(2), range(2, 3))])
def test_batches_change_nothing(cuts):
    guided_at = guided_timesteps(TIMESTEPS, start=0.4, stop=1)
    whole, _ = run(guided_at)
    parts, _ = run(guided_at, cuts)
    assert all(torch.equal(whole[timestep], parts[timestep]) for timestep in TIMESTEPS)
