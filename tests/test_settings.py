"""Fields of settings: what they describe, and what is refused by their name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.sampling.settings import SamplingSettings
from magicpose_core.settings import Settings, range_text, setting, settings_of
from magicpose_core.weights.settings import ModelFiles


@dataclass(frozen=True, kw_only=True)
class Tea(Settings):
    kind: Literal["green", "black"] = setting("green", aliases={"red": "black"}, help="what leaves")
    minutes: float = setting(3.0, minimum=0, maximum=10, unit="min", help="how long it draws")
    cups: int | None = setting(None, usual=2, minimum=1, help="how many")
    heat: float = setting(1.0, above=0, help="of the water")
    sugar: bool = setting(False, help="sweet")


def test_a_field_describes_itself():
    described = settings_of(Tea)
    assert list(described) == ["kind", "minutes", "cups", "heat", "sugar"]
    assert described["kind"].choices == ("green", "black")
    assert described["cups"].optional
    assert described["cups"].kind is int
    assert described["cups"].shown_default == 2
    assert described["minutes"].notes.unit == "min"
    ranges = [range_text(each.notes) for each in described.values()]
    assert ranges == ["", "in 0..10", "of 1 or more", "above 0", ""]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "white"}, "kind must be one of green, black, got 'white'"),
        ({"minutes": 11}, "minutes must be a number in 0..10 min, got 11"),
        ({"minutes": float("nan")}, "minutes must be a number in 0..10 min, got nan"),
        ({"minutes": "long"}, "minutes must be a number in 0..10 min, got 'long'"),
        ({"cups": 0}, "cups must be a whole number of 1 or more, got 0"),
        ({"cups": 1.5}, "cups must be a whole number of 1 or more, got 1.5"),
        ({"heat": 0}, "heat must be a number above 0, got 0"),
        ({"sugar": "no"}, "sugar must be True or False, got 'no'"),
    ],
)
def test_a_value_out_of_place_is_refused_by_its_name(values, said):
    with pytest.raises(InputError) as caught:
        Tea(**values)
    assert str(caught.value) == said


def test_other_spellings_become_the_one():
    assert Tea(kind="red").kind == "black"
    assert SamplingSettings(control_mode="controlnet_important").control_mode == "image_cfg"


def test_numbers_of_numpy_are_numbers():
    assert Tea(minutes=np.float32(0.5), cups=np.int64(3)).cups == 3


def test_fields_that_are_not_declared_are_left_alone():
    assert ModelFiles(checkpoint=Path("a")).checkpoint == Path("a")
    assert "checkpoint" not in settings_of(ModelFiles)
