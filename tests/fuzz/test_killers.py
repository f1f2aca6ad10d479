"""Killed commands leave old results or new ones and nothing else; the long run is ``make kill``."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from .changes import count_changes
from .harness import run
from .killers import Killer
from .tiny_inputs import write_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("command", ["convert --split", "align", "dancers", "train vae"])
def test_nothing_is_damaged_mixed_lost_or_left_over(inputs, tmp_path, command):
    killer = Killer(command, inputs, tmp_path / "killed")
    source = random.Random(0)
    kills = [
        killer.kill(killer.draw_moment(source)),
        killer.kill(killer.draw_moment(source), then=killer.draw_next_moment(source)),
    ]
    assert not [kill for kill in kills if kill.wrong]


def test_what_a_killed_run_left_is_seen(inputs, tmp_path):
    """The killer itself: a file that no run leaves, and a changed input."""
    killer = Killer("align", inputs, tmp_path / "killed")
    (tmp_path / "killed" / "old" / "stranger").touch()
    moment = killer.draw_moment(random.Random(0))
    assert "left stranger" in killer.kill(moment).wrong
    (tmp_path / "killed" / "old" / "stranger").unlink()
    (inputs / "person.png").touch()
    assert killer.kill(moment).wrong.endswith("inputs have changed")


def test_each_file_of_a_result_is_put_in_place_or_none(inputs, tmp_path):
    """Killed before each of the last changes: so early that all is old, so late that all is new."""
    killer = Killer("align", inputs, tmp_path / "killed")
    kills = [killer.kill(moment) for moment in killer.each_change()[-16:]]
    assert not [kill for kill in kills if kill.wrong]
    assert {kill.found for kill in kills} >= {"old", "new"}


def test_a_process_ends_before_the_change_that_is_named(tmp_path):
    def change():
        count_changes((2, signal.SIGKILL))
        (tmp_path / "first").mkdir()
        (tmp_path / "second").write_text("")

    assert run(change).told == "SIGKILL"
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
