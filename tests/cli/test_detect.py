from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from magicpose_core.cli.__main__ import main
from magicpose_core.pose.formats.pose_files import read_poses

pytest.importorskip("onnxruntime", reason="needs onnxruntime")


def load(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "pose" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"pose_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


clips, networks = load("clip_fixtures"), load("tiny_networks")


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    weights = networks.write_dwpose(tmp_path / "weights")
    return [
        "--out",
        str(tmp_path / "out"),
        "--detector-weights",
        str(weights),
        "--detector-device",
        "cpu",
    ]


def test_a_video_becomes_keypoints_maps_and_an_overlay(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    video = clips.write_video(tmp_path / "dance.mp4", "xx.x")
    assert main(["detect", str(video), *words, "--smooth", "--no-face"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "dance: 4 of 4 frames show the person\n"
    assert "detecting with onnxruntime on cpu" in printed.err
    assert len(list((tmp_path / "out" / "dance" / "maps").iterdir())) == 4
    assert len(read_poses(tmp_path / "out" / "dance" / "poses.json")) == 4
    assert main(["detect", str(video), *words, "--smooth", "--no-face"]) == 0
    assert "(done before)" in capsys.readouterr().out


def test_one_bad_clip_does_not_stop_the_others(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    clips.write_video(tmp_path / "in" / "good.mp4", "xx")
    clips.write_video(tmp_path / "in" / "nobody.mp4", "..")
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video")
    assert main(["detect", str(tmp_path / "in"), *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == "good: 2 of 2 frames show the person\n"
    assert "broken: " in printed.err
    assert "nobody: no person is found in any of the 2 frames" in printed.err
    assert "2 of 3 clips failed" in printed.err


def test_processes_write_a_data_set(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, shown in (("a", "xx."), ("b", "x")):
        clips.write_video(tmp_path / "in" / f"{name}.mp4", shown)
    line = ["detect", str(tmp_path / "in"), *words, "--dataset", "--set", "val", "--workers", "2"]
    assert main(line) == 0
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} >= {"val_set", "pose_map_val_set", "rejected.csv"}
    for folder in ("val_set", "pose_map_val_set"):
        found = {str(p.relative_to(out / folder)) for p in (out / folder).rglob("*.png")}
        assert found == {"a/00000.png", "a/00001.png", "b/00000.png"}
    with (out / "rejected.csv").open() as read:
        assert [row["reason"] for row in csv.DictReader(read)] == ["no person"]
    assert "a: 2 frames kept, 1 left out" in capsys.readouterr().out
    video = clips.write_video(tmp_path / "a.mp4", "xxxx")
    assert main(["detect", str(video), *words, "--dataset", "--set", "train"]) == 0
    assert "a: 4 frames kept, 0 left out" in capsys.readouterr().out


@pytest.mark.posix
def test_a_signal_ends_the_workers_too(tmp_path: Path, words: list[str]) -> None:
    """Before, the command went on until both clips were done."""
    for name in "ab":
        clips.write_video(tmp_path / "in" / f"{name}.mp4", "x" * 1500)
    line = [sys.executable, "-m", "magicpose_core.cli", "detect", str(tmp_path / "in"), *words]
    with subprocess.Popen([*line, "--workers", "2"], stderr=subprocess.PIPE) as command:
        while len(list((tmp_path / "out").glob("*/detections.jsonl"))) < 2:
            assert command.poll() is None
            time.sleep(0.05)
        command.terminate()
        told = command.communicate(timeout=300)[1]
    assert command.returncode == 143
    assert b"detect: stopped" in told
    assert b"Traceback" not in told
    for name in "ab":
        assert [p.name for p in (tmp_path / "out" / name).iterdir()] == ["detections.jsonl"]
        assert len((tmp_path / "out" / name / "detections.jsonl").read_text().split("\n")) < 1500


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--person", "biggest"], "--person must be tracked, largest, index:N, left:N or all, got"),
        (["--score-threshold", "7"], "threshold must be a number in 0..1"),
    ],
)
def test_wrong_settings_are_one_line(
    tmp_path: Path,
    words: list[str],
    more: list[str],
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = clips.write_video(tmp_path / "dance.mp4", "x")
    assert main(["detect", str(video), *words, *more]) == 2
    assert text in capsys.readouterr().err


def test_stabilised_poses_have_no_overlay(
    tmp_path: Path,
    words: list[str],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = clips.write_video(tmp_path / "dance.mp4", "xx")
    assert main(["detect", str(video), *words, "--stabilise"]) == 0
    assert not list((tmp_path / "out").rglob("overlay.mp4"))
    assert "the camera could not be followed in 1 of 2 frames" in caplog.text
    assert main(["detect", str(video), *words, "--stabilise", "--overlay"]) == 2
    assert "leave out one of --overlay and --stabilise" in capsys.readouterr().err


def test_a_folder_of_pictures_is_one_clip_and_that_is_said(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clips.write_pictures(tmp_path / "shots", "xx")
    assert main(["detect", str(folder), *words]) == 0
    said = capsys.readouterr()
    assert "pictures of shots are taken as the frames of one clip; --photos takes" in said.err
    assert main(["detect", str(folder), *words, "--photos"]) == 0
    said = capsys.readouterr()
    assert "one clip" not in said.err
    assert [line.split(":")[0] for line in said.out.splitlines()] == ["0", "1"]


def test_a_detector_without_weights_says_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = clips.write_video(tmp_path / "dance.mp4", "x")
    assert main(["detect", str(video), "--out", str(tmp_path / "out")]) == 2
    assert "or set --download" in capsys.readouterr().err


def test_options_of_keypoints_alone_are_refused_for_training_data(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    video = clips.write_video(tmp_path / "dance.mp4", "xx")
    assert main(["detect", str(video), *words, "--dataset", "--force", "--smooth"]) == 2
    assert "--force, --smooth do nothing beside --dataset" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
