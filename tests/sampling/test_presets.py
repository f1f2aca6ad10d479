from __future__ import annotations

import pytest

from magicpose_core.errors import InputError
from magicpose_core.sampling.presets import PRESET_NAMES, presets
from magicpose_core.sampling.settings import SamplingSettings, settings_of


def test_the_table_has_each_preset_and_valid_settings():
    assert tuple(presets()) == PRESET_NAMES
    for values in presets().values():
        assert set(values) <= set(settings_of(SamplingSettings))
        SamplingSettings(**values)


def test_paper_is_the_exact_steps_at_the_models_guidance():
    complete = SamplingSettings(preset="paper").complete({"steps": 20, "guidance_scale": 2.0})
    assert (complete.scheduler, complete.steps, complete.guidance_scale) == ("ddim", 50, 2.0)
    assert (complete.guidance_start, complete.guidance_stop) == (0.0, 1.0)
    assert complete.deep_every == 1


def test_a_preset_comes_before_the_notes_and_behind_what_is_given():
    noted = {"steps": 20, "scheduler": "ddim", "guidance_scale": 2.0}
    fast = SamplingSettings(preset="fast").complete(noted)
    assert {name: getattr(fast, name) for name in presets()["fast"]} == presets()["fast"]
    assert fast.guidance_scale == 2.0
    own = SamplingSettings(preset="fast", steps=9, guidance_scale=3.0).complete(noted)
    assert (own.steps, own.guidance_scale, own.scheduler) == (9, 3.0, fast.scheduler)


def test_without_a_preset_the_notes_count():
    complete = SamplingSettings().complete({"steps": 20})
    assert complete.preset is None
    assert complete.steps == 20


def test_every_faster_preset_takes_fewer_steps():
    assert presets()["draft"]["steps"] <= presets()["fast"]["steps"] < presets()["paper"]["steps"]


def test_a_name_that_is_none_is_refused():
    with pytest.raises(InputError, match="preset must be one of paper, fast, draft, got 'quick'"):
        SamplingSettings(preset="quick")
