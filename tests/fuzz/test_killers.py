"""Killed commands leave old results or new ones and nothing else; the long run is ``make kill``."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .killers import Killer
from .tiny_inputs import write_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("command", ["convert --split", "align", "dancers", "train vae"])
def test_nothing_is_damaged_mixed_lost_or_left_over(inputs, tmp_path, command):
    killer = Killer(command, inputs, tmp_path / "killed")
    kills = [killer.kill(random.Random(seed)) for seed in range(2)]
    assert not [kill for kill in kills if kill.wrong]


def test_what_a_killed_run_left_is_seen(inputs, tmp_path):
    """The killer itself: a file that no run leaves, and a changed input."""
    killer = Killer("align", inputs, tmp_path / "killed")
    (tmp_path / "killed" / "old" / "stranger").touch()
    assert "left stranger" in killer.kill(random.Random(0)).wrong
    (tmp_path / "killed" / "old" / "stranger").unlink()
    (inputs / "person.png").touch()
    assert killer.kill(random.Random(0)).wrong.endswith("inputs have changed")
