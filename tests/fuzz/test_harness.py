"""The harness itself: each way to end is told from the others."""

from __future__ import annotations

import ctypes
import os
import random
import sys
import time

import pytest

from magicpose_core.errors import InputError

from .harness import run, try_case
from .mutate import DAMAGES, mutate
from .outcomes import Case, Limits

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
QUICK = Limits(memory=200 << 20, seconds=1.0)


def refuse(text):
    raise InputError(text)


def take_memory():
    return len(b"\1" * (400 << 20))


def spin():
    while True:
        pass


@pytest.mark.parametrize(
    ("action", "kind", "told"),
    [
        (lambda: 1, "ok", ""),
        (lambda: refuse("a.png is no picture"), "one line", "no picture"),
        (lambda: refuse("it is no picture"), "unclean", "does not say 'a.png'"),
        (lambda: refuse("a.png is\nno picture"), "unclean", "unprintable"),
        (lambda: refuse("a.png \x1b[31m"), "unclean", "unprintable"),
        (lambda: refuse("a.png" * 1000), "unclean", "overlong"),
        (lambda: [][0], "unclean", "IndexError at test_harness.py"),
        (lambda: sys.exit(0), "unclean", "SystemExit"),
        (take_memory, "unclean", "GB"),
        (lambda: bytearray(60 << 30), "unclean", "MemoryError"),
        (spin, "hang", "SIGPROF"),
        (lambda: ctypes.string_at(0), "crash", "SIGSEGV"),
        (lambda: os._exit(3), "crash", "left with 3"),
        (lambda: os.system("true"), "code run", "os.system"),
    ],
)
def test_each_way_to_end_is_told_from_the_others(action, kind, told):
    outcome = run(action, naming="a.png", limits=QUICK)
    assert outcome.kind == kind
    assert told in outcome.told


def test_waiting_for_ever_is_a_hang():
    outcome = run(lambda: time.sleep(100), limits=Limits(seconds=0.05))
    assert (outcome.kind, outcome.told) == ("hang", "SIGALRM")


def test_what_the_canary_names_tells_of_code_that_ran(tmp_path):
    canary = tmp_path / "executed"
    assert run(canary.mkdir, canary=canary).kind == "code run"


@pytest.mark.parametrize(
    ("errors", "output", "code", "kind"),
    [
        ("", "done\n", 0, "ok"),
        ("", "\x1b[2Jdone\n", 0, "unclean"),
        ("magicpose: a warning\nmagicpose generate: a.png is empty\n", "", 2, "one line"),
        ("usage: magicpose\n       generate\nmagicpose: error: a.png?\n", "", 2, "one line"),
        ("magicpose generate: a.png is empty\n", "", 1, "one line"),
        ("\rclip: 0step [00:00, ?step/s]\nmagicpose generate: a.png?\n", "", 1, "one line"),
        (
            "a: 9%|#| 1/2 [00:00<00:09, 1.3s/step]magicpose: warned\nmagicpose generate: a.png?\n",
            "",
            1,
            "one line",
        ),
        (
            "b: it is empty\nmagicpose detect: a.png failed; the reasons stand above, the others "
            "are done\n",
            "",
            2,
            "one line",
        ),
        ("magicpose train: a.png must be int, got [32, 32]\n", "", 1, "one line"),
        ("magicpose generate: a.png is empty\nand more\n", "", 1, "unclean"),
        ("", "", 1, "unclean"),
        ("magicpose generate: a.png is empty\n", "", 7, "unclean"),
    ],
)
def test_a_command_fails_in_one_line_on_stderr(errors, output, code, kind):
    def command():
        sys.stdout.write(output)
        sys.stderr.write(errors)
        return code

    outcome = try_case(Case("", command, naming="a.png", command=True))
    assert outcome.kind == kind, outcome


def test_damage_repeats_with_its_seed_and_survives_any_size():
    for seed in range(300):
        content = random.Random(seed).randbytes(seed)
        assert mutate(content, random.Random(seed)) == mutate(content, random.Random(seed))
    for damage in DAMAGES:
        for size in range(4):
            damage(bytearray(size), random.Random(size))
