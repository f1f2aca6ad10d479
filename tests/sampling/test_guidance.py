from __future__ import annotations

import pytest
import torch

from magicpose_core.sampling.guidance import guide, plan_guidance

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


def run(plan, cuts=(range(3),)):
    conditional, unconditional = Half(0.5), Half(0.2)
    predict = guide(conditional, unconditional, 4.0, plan)
    noise = {}
    for timestep in TIMESTEPS:
        parts = [predict(torch.ones(len(frames), 1, 1, 1), timestep, frames) for frames in cuts]
        noise[timestep] = torch.cat(parts)
    return noise, unconditional.asked


def test_without_a_plan_both_halves_run_in_every_step():
    noise, asked = run(None)
    assert asked == TIMESTEPS
    everything, _ = run(plan_guidance(TIMESTEPS))
    assert all(torch.equal(noise[timestep], everything[timestep]) for timestep in TIMESTEPS)


def test_guidance_works_in_its_share_of_the_steps():
    plan = plan_guidance(TIMESTEPS, start=0.2, stop=0.6)
    assert plan == {801: "alone", 601: "both", 401: "both", 201: "alone", 1: "alone"}
    noise, asked = run(plan)
    full, _ = run(None)
    assert asked == [601, 401]
    assert torch.equal(noise[601], full[601])
    alone = Half(0.5)(torch.ones(3, 1, 1, 1), 801, range(3))
    assert torch.equal(noise[801], alone)


def test_the_difference_is_carried_over_from_the_last_step_that_had_both():
    plan = plan_guidance(TIMESTEPS, every=2)
    assert plan == {801: "both", 601: "carried", 401: "both", 201: "carried", 1: "both"}
    noise, asked = run(plan)
    assert asked == [801, 401, 1]
    frames = torch.arange(1, 4).reshape(-1, 1, 1, 1)
    want = 1 + 0.5 * frames * 601 + 3 * (0.5 - 0.2) * frames * 801
    torch.testing.assert_close(noise[601], want)


def test_the_first_guided_step_has_both_halves():
    assert plan_guidance(TIMESTEPS, start=0.4, every=3) == {
        801: "alone",
        601: "alone",
        401: "both",
        201: "carried",
        1: "carried",
    }


@pytest.mark.parametrize("cuts", [(range(1), range(1, 3)), (range(2), range(2, 3))])
def test_batches_change_nothing(cuts):
    plan = plan_guidance(TIMESTEPS, every=3)
    whole, _ = run(plan)
    parts, _ = run(plan, cuts)
    assert all(torch.equal(whole[timestep], parts[timestep]) for timestep in TIMESTEPS)
