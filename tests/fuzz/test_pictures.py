"""Damaged pictures are read or refused in one line; the long run is ``make fuzz``."""

from __future__ import annotations

import os

import pytest

from . import pictures
from .harness import try_cases, try_known
from .outcomes import Limits

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LIMITS = Limits(seconds=30)  # on a machine that is busy


def test_damaged_pictures_are_read_or_refused_in_one_line():
    known = try_known(pictures.known_cases(), limits=LIMITS)
    bad = [(name, outcome) for name, outcome in known if not outcome.clean]
    cases = try_cases(pictures.make_case, 25, seed=0, limits=LIMITS)
    bad += [(name, outcome) for name, outcome in cases if not outcome.clean]
    assert not bad
