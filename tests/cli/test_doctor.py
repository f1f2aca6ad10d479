from __future__ import annotations

import pytest
import torch

from magicpose_core.cli.__main__ import main
from magicpose_core.doctor import examine, performance
from magicpose_core.doctor.findings import Finding


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(examine, "precisions", lambda device: [torch.float32])
    small = {"channels": (32, 32, 32, 32), "context": 16, "heads": 4}
    monkeypatch.setattr(
        performance, "SMALL", performance.ControlNetShape(unet=performance.UNetShape(**small))
    )


def test_a_sound_machine_is_reported_whole_with_exit_code_0(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COMFYUI_DIR", str(tmp_path))
    assert main(["doctor", "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    for line in (
        "magicpose: ",
        "cpu in fp32: right",
        "demo model: loads",
        "MP4: written",
        "ms a frame",
    ):
        assert line in told
    assert told.endswith("\nNothing is wrong.\n")


def test_what_is_wrong_is_told_with_the_remedy_and_exit_code_1(capsys, monkeypatch):
    wrong = Finding(what="MP4", seen="no encoder", remedy="install it")
    monkeypatch.setattr(performance, "check_mp4", lambda: wrong)
    assert main(["doctor", "--device", "cpu"]) == 1
    told = capsys.readouterr().out
    assert "  WRONG MP4: no encoder\n    -> install it\n" in told
    assert told.endswith("\n1 thing is wrong: MP4.\n")


def test_a_clip_without_its_frames_is_wrong(monkeypatch):
    assert not performance.check_mp4().wrong
    monkeypatch.setattr(performance, "_WORST_LEVEL", 0.01)
    assert performance.check_mp4().wrong


def test_a_folder_that_is_no_comfyui_is_wrong(tmp_path):
    (finding,) = examine._comfyui(tmp_path)
    assert finding.wrong
