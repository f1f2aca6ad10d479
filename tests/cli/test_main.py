"""The command line around its commands: what is printed, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from magicpose_core.cli import inspect
from magicpose_core.cli.__main__ import build_parser, main
from magicpose_core.cli.signals import Ended, ending_signals_raised
from magicpose_core.cli.terminal import printable
from magicpose_core.errors import InputError

COMMAND = [sys.executable, "-m", "magicpose_core.cli"]


def raising(error: BaseException):
    def run(_: object) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("no picture at a"), 2, "magicpose inspect: no picture at a\n"),
        (KeyError("a"), 1, "magicpose inspect: unforeseen KeyError: 'a'; this is a fault of"),
        (MemoryError(), 1, "magicpose inspect: out of memory; "),
        (PermissionError(13, "Permission denied", "/a"), 2, "inspect: /a: Permission denied\n"),
        (KeyboardInterrupt(), 130, "magicpose inspect: stopped; nothing half-written is left\n"),
        (ModuleNotFoundError("", name="accelerate.x"), 2, "pip install 'magicpose[train]'\n"),
    ],
)
def test_whatever_is_raised_is_one_line_and_an_exit_code(monkeypatch, capsys, error, code, text):
    monkeypatch.setattr(inspect, "run", raising(error))
    assert main(["inspect", "a"]) == code
    told = capsys.readouterr().err
    assert text in told
    assert told.count("\n") == 1


def test_debug_shows_the_traceback_besides(monkeypatch, capsys):
    monkeypatch.setattr(inspect, "run", raising(KeyError("a")))
    assert main(["inspect", "a", "--debug"]) == 1
    told = capsys.readouterr().err
    assert "Traceback (most recent call last)" in told
    assert told.splitlines()[-1].startswith("magicpose inspect: unforeseen KeyError: 'a'")


def test_control_characters_do_not_reach_the_terminal(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "a\x1b[2J\n\u202eb.th")]) == 2
    told = capsys.readouterr().err
    assert r"a\x1b[2J\n\u202eb.th" in told
    assert told.count("\n") == 1
    with pytest.raises(SystemExit):
        main(["inspect", "a", "--\x1b[2J"])
    assert r"--\x1b[2J" in capsys.readouterr().err
    logging.getLogger("magicpose").warning("a\x1b[2J")
    assert printable("ä 文 \t\udcff") == r"ä 文 \t\udcff"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_one_line(micro_weights):
    words = ["inspect", "weights.safetensors", "--keys"]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [*COMMAND, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=micro_weights.parent,
            check=False,
        )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "No space left on device" in run.stderr


def test_nothing_is_said_where_nobody_reads_on(micro_weights):
    line = [*COMMAND, "inspect", "weights.safetensors", "--keys"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=micro_weights.parent
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_closed_streams_do_not_matter(micro_weights):
    line = f"{sys.executable} -m magicpose_core.cli inspect weights.safetensors >&- 2>&-"
    run = subprocess.run(["/bin/sh", "-c", line], cwd=micro_weights.parent, check=False)
    assert run.returncode == 0


@pytest.fixture(scope="module")
def micro_weights(tmp_path_factory):
    """A weight file with one long key."""
    import torch
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_file({f"key.{number:05d}.{'x' * 90}": torch.zeros(1) for number in range(2000)}, path)
    return path


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_that_end_are_raised_like_ctrl_c(number, code):
    before = signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore it (nohup)

    def be_ended():
        with ending_signals_raised():
            os.kill(os.getpid(), number)
            signal.pause()

    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            be_ended()
        assert isinstance(caught.value, Ended)
        assert caught.value.exit_code == code
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_signals_raised():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_no_help_shows_a_default_of_none(capsys: pytest.CaptureFixture[str]) -> None:
    commands = next(a for a in build_parser()._actions if a.choices).choices
    for name in commands:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert "default: None" not in capsys.readouterr().out


ADD_TO_THEIR_FOLDER = {"demo", "batch"}  # and replace nothing that is there


def test_every_command_that_writes_where_it_is_told_asks_for_force() -> None:
    commands = next(a for a in build_parser()._actions if a.choices).choices
    for name, command in commands.items():
        options = {option for action in command._actions for option in action.option_strings}
        writes = options & {"--out", "--json", "--presets"}
        if writes and name not in ADD_TO_THEIR_FOLDER:
            assert "--force" in options, name
