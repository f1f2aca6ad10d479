from __future__ import annotations

import subprocess
import sys

import pytest

from magicpose_core.errors import OutputError
from magicpose_core.files import lock_folder

HOLD = (
    "import sys; from pathlib import Path; from magicpose_core.files import lock_folder\n"
    "with lock_folder(Path(sys.argv[1])):\n"
    "    print('ready', flush=True); sys.stdin.read()"
)


def test_a_folder_is_kept_to_one_process_and_the_other_is_named(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"ready\n"
        with (
            pytest.raises(OutputError, match=rf"in use by process {other.pid} on .* \(since"),
            lock_folder(folder),
        ):
            raise AssertionError("the folder is taken")
        other.kill()
        other.communicate()
    with lock_folder(folder):  # what a killed process held is free
        assert any(folder.iterdir())
    assert list(folder.iterdir()) == []


def test_errors_of_the_block_pass_through(tmp_path):
    with pytest.raises(FileNotFoundError), lock_folder(tmp_path):
        (tmp_path / "absent").read_text()
    with lock_folder(tmp_path):
        pass
