"""Keypoint files are received in order or in one line; the long run is ``make fuzz``."""

from __future__ import annotations

from . import keypoints
from .harness import try_cases, try_known
from .outcomes import Limits

LIMITS = Limits(seconds=30)  # on a machine that is busy


def test_what_was_badly_received_is_refused_in_one_line():
    known = try_known(keypoints.known_cases(), limits=LIMITS)
    assert not [(name, outcome) for name, outcome in known if not outcome.clean]


def test_hostile_ones_are_received_in_order_or_in_one_line():
    cases = try_cases(keypoints.make_case, 25, seed=0, limits=LIMITS)
    assert not [(name, outcome) for name, outcome in cases if not outcome.clean]
