from __future__ import annotations

import pytest

from magicpose_core import timing
from magicpose_core.timing import Stopwatch


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def test_parts_add_up_under_their_names(clock):
    watch = Stopwatch()
    for name, taken in (("reading", 1.25), ("building", 0.5), ("reading", 2.0)):
        with watch.part(name):
            clock[0] += taken
    assert watch.seconds == {"reading": 3.25, "building": 0.5}


def test_a_part_that_fails_counts_too(clock):
    watch = Stopwatch()

    def fail():
        with watch.part("reading"):
            clock[0] += 0.126
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert watch.rounded() == {"reading": 0.13}
