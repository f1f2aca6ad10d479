"""How a clip is sampled: what is left open, filled in, and refused before anything is built."""

from __future__ import annotations

import dataclasses

import pytest

from magicpose_core.errors import InputError
from magicpose_core.sampling.settings import SamplingSettings


def test_what_nobody_chose_is_the_papers():
    complete = SamplingSettings().complete()
    assert (complete.steps, complete.guidance_scale, complete.scheduler) == (50, 7.0, "ddim")


def test_a_models_notes_come_before_the_paper_and_behind_what_is_given():
    noted = {"steps": 20, "guidance_scale": 2.0, "size": (128, 128)}
    complete = SamplingSettings(steps=10).complete(noted)
    assert (complete.steps, complete.guidance_scale) == (10, 2.0)


def test_completing_keeps_every_other_value():
    settings = SamplingSettings(seed=3, shared_noise=0.5, reference_latents="mean")
    complete = dataclasses.asdict(settings.complete())
    kept = {
        name: value for name, value in dataclasses.asdict(settings).items() if value is not None
    }
    assert complete == complete | kept
    assert dataclasses.asdict(settings.complete().complete()) == complete


def test_a_noted_value_out_of_range_is_refused():
    with pytest.raises(InputError, match=r"guidance_scale must be a number in 0\.\.100, got -1"):
        SamplingSettings().complete({"guidance_scale": -1})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"steps": 0}, r"steps must be a whole number in 1\.\.999, got 0"),
        ({"scheduler": "lcm", "steps": 51}, r"steps must be in 1\.\.50 for lcm, got 51"),
        ({"scheduler": "heun"}, "scheduler must be one of ddim, .*, lcm, got 'heun'"),
        ({"scheduler": "euler", "eta": 1.0}, "eta belongs to ddim; euler takes none"),
        ({"eta": 1.5}, r"eta must be a number in 0\.\.1, got 1\.5"),
        ({"shared_noise": -0.1}, r"shared_noise must be a number in 0\.\.1"),
        ({"reference_latents": "median"}, "reference_latents must be one of sample, mean"),
        ({"frames_per_batch": 0}, "frames_per_batch must be a whole number of 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(values, said):
    with pytest.raises(InputError, match=said):
        SamplingSettings(**values)
