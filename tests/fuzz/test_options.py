"""Command lines are received in order or in one line; the long run is ``make fuzz``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from . import options
from .harness import try_cases, try_known
from .outcomes import Limits

LIMITS = Limits(seconds=30)  # on a machine that is busy


def test_what_was_badly_received_is_refused_in_one_line():
    known = try_known(options.known_cases(), limits=LIMITS)
    assert not [(name, outcome) for name, outcome in known if not outcome.clean]


def test_hostile_ones_are_received_in_order_or_in_one_line():
    cases = try_cases(options.make_case, 12, seed=0, limits=LIMITS)
    assert not [(name, outcome) for name, outcome in cases if not outcome.clean]


def test_the_first_start_of_matplotlib_on_a_machine_is_no_finding(tmp_path):
    """It lists the fonts then, with a program of the system."""
    lines = (
        "import pathlib, sys",
        "from tests.fuzz import harness, options",
        "make_case = dict(options.known_cases())['evaluate --partial']",
        "print(harness.try_case(make_case(pathlib.Path(sys.argv[1]))))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(tmp_path / "work")],
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path / "matplotlib")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "kind='ok'" in done.stdout, done.stdout + done.stderr
