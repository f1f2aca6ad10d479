from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from magicpose_core.errors import InputError, OutputError
from magicpose_core.video.spool import spool


def test_frames_come_back_in_order_and_are_read_once():
    frames = [np.full((4, 6, 3), value, np.uint8) for value in range(5)]
    source = iter(frames)
    clip = spool(source)
    assert clip.shape == (5, 4, 6, 3)
    np.testing.assert_array_equal(clip[3], frames[3])
    assert next(source, None) is None


def test_no_frames_and_frames_of_two_sizes_are_refused():
    with pytest.raises(InputError, match="no frames"):
        spool([])
    mixed = [np.zeros((4, 6, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)]
    with pytest.raises(InputError, match="frame 1 is"):
        spool(mixed)


@pytest.mark.posix
def test_a_killed_process_leaves_no_spool(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = (
        "import sys, numpy as np; from magicpose_core.video.spool import spool\n"
        "clip = spool([np.ones((4, 6, 3), np.uint8)] * 3)\n"
        "print(clip.sum(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"216\n"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_for_temporary_files_is_named(tmp_path, monkeypatch):
    resource = pytest.importorskip("resource", reason="needs limits of file sizes")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        frames = [np.ones((100, 100, 3), np.uint8)] * 9
        with pytest.raises(OutputError, match=r"temporary files to .*set TMPDIR"):
            spool(frames)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
