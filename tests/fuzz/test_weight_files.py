"""Weight files that were once badly received, each by name; and some seconds of new ones."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

import pytest

from .found_weight_files import FOUND, MOST
from .harness import run, try_case, try_cases
from .outcomes import Limits
from .weight_files import known_case, make_case, read_all

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LIMITS = Limits(memory=1 << 30, seconds=30)  # on a machine that is busy
# What inspect can show and load would refuse.
SHOWN = (
    "levels.safetensors",
    "wide text.safetensors",
    "clears the screen.safetensors",
    "5,000 digits.safetensors",
    "other digits.safetensors",
)


@pytest.mark.parametrize("name", FOUND)
def test_what_was_badly_received_is_refused_in_one_line(tmp_path, name):
    """At a tenth of its size; ``make fuzz`` tries the whole."""
    outcome = try_case(known_case(name, FOUND[name], "inspect", tmp_path, many=MOST // 10), LIMITS)
    assert outcome.kind == ("ok" if name in SHOWN else "one line"), outcome


@pytest.mark.parametrize("name", SHOWN)
def test_what_inspect_shows_can_be_converted_or_is_refused(tmp_path, name):
    outcome = try_case(known_case(name, FOUND[name], "convert", tmp_path, many=MOST // 10), LIMITS)
    assert outcome.clean, outcome


def test_more_tensors_than_any_model_has_are_refused(tmp_path):
    case = known_case("a.safetensors", FOUND["levels.safetensors"], "convert", tmp_path, many=MOST)
    outcome = try_case(case, LIMITS)
    assert outcome.kind == "one line", outcome
    assert "tensors, and no model" in outcome.told


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with (
        contextlib.chdir(path.parent) if hasattr(contextlib, "chdir") else contextlib.nullcontext()
    ):
        socket.socket(socket.AF_UNIX).bind(path.name)


def make_device(path):
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # as /dev/zero
    except PermissionError:
        pytest.skip("may not make devices")


def make_loop(path):
    path.symlink_to(path)


def make_folder(path):
    path.mkdir()


@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device, make_loop, make_folder])
@pytest.mark.parametrize("name", ["w.ckpt", "w.safetensors", "unet/w.safetensors"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, make, name):
    path = tmp_path / "model" / name
    path.parent.mkdir(parents=True)
    make(path)
    outcome = run(lambda: read_all(path), naming=path.name, limits=LIMITS)
    assert outcome.kind == "one line", outcome
    outcome = run(lambda: read_all(tmp_path / "model"), naming="model", limits=LIMITS)
    assert outcome.kind == "one line", outcome


@pytest.mark.parametrize("name", ["a\0b.ckpt", "x" * 300 + ".ckpt", "absent.ckpt", "absent"])
def test_names_that_can_be_no_file_are_refused(tmp_path, name):
    assert run(lambda: read_all(tmp_path / name), limits=LIMITS).kind == "one line"


def test_damaged_made_up_and_evil_files_are_received_in_one_line():
    bad = [
        (name, outcome)
        for name, outcome in try_cases(make_case, 40, seed=0, limits=LIMITS)
        if not outcome.clean
    ]
    assert not bad
