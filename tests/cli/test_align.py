from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from magicpose_core.cli.__main__ import main
from magicpose_core.evaluation.kinematic_figures import pose, random_body, random_motion
from magicpose_core.pose.formats.pose_files import read_poses, write_poses
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.retarget.body_tree import MID_HIP


def write_figure(path: Path, seed: int, frames: int, height: float) -> PoseSequence:
    generator = np.random.default_rng(seed)
    motion = random_motion(generator, frames, depth=False)
    places = pose(random_body(generator, height), motion)[:, :MID_HIP] + (200, 250)
    people = tuple(
        (PersonPose(body=Keypoints.from_pixels(p, np.ones(18), 400, 500)),) for p in places
    )
    sequence = PoseSequence(frames=people, width=400, height=500)
    write_poses(path, sequence)
    return sequence


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    write_figure(tmp_path / "driver.json", 1, 5, 300)
    write_figure(tmp_path / "reference.json", 2, 1, 200)
    return {name: tmp_path / f"{name}.json" for name in ("driver", "reference", "out", "report")}


def test_poses_get_the_references_bones_and_the_factors_are_printed(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["align", str(files["driver"]), "--to", str(files["reference"])]
    line += ["--out", str(files["out"]), "--report", str(files["report"])]
    line += ["--maps", str(tmp_path / "maps"), "--preview", str(tmp_path / "preview.png")]
    assert main(line) == 0
    aligned, reference = read_poses(files["out"]), read_poses(files["reference"])
    thigh = [8, 9]
    length = [
        np.linalg.norm(np.diff(s.frames[0][0].body.pixels(400, 500)[thigh], axis=0))
        for s in (aligned, reference)
    ]
    assert length[0] == pytest.approx(length[1], rel=0.02)
    printed = capsys.readouterr().out
    assert printed.startswith("bones")
    assert "\nfit " in printed
    written = json.loads(files["report"].read_text())
    report = {row["kind"]: row for row in written["ratios"]}
    assert report["thigh"]["source"] == "measured"
    assert report["hands"]["driver"] is None
    assert written["fit"]["score"] == min(written["fit"]["marks"].values())
    assert len(list((tmp_path / "maps").iterdir())) == 5
    with Image.open(tmp_path / "preview.png") as preview:
        assert preview.size == (800, 500)
        before, after = np.asarray(preview)[:, :400], np.asarray(preview)[:, 400:]
        assert (before != after).any()


def test_strength_0_leaves_the_driver(files: dict[str, Path]) -> None:
    line = ["align", str(files["driver"]), "--to", str(files["reference"])]
    assert main([*line, "--out", str(files["out"]), "--align-strength", "0"]) == 0
    places = [
        np.stack([people[0].body.xy for people in read_poses(files[name]).frames])
        for name in ("driver", "out")
    ]
    np.testing.assert_allclose(places[1], places[0], atol=1e-5)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--align-strength", "3"], "--align-strength must be a number in 0..1"),
        (["--person", "all"], "one person is aligned"),
        (["--frame-size", "wide"], "a frame size is 1080x1920"),
        (["--preview", "before.xyz"], "got before.xyz; change the ending"),
    ],
)
def test_wrong_settings_are_one_line(
    files: dict[str, Path], more: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["align", str(files["driver"]), "--to", str(files["reference"])]
    assert main([*line, "--out", str(files["out"]), *more]) == 2
    assert text in capsys.readouterr().err
    assert not files["out"].exists()


def test_a_picture_needs_a_detector(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    line = ["align", str(files["driver"]), "--to", str(tmp_path / "photo.png")]
    assert main([*line, "--out", str(files["out"])]) == 2
    assert "name a detector" in capsys.readouterr().err


def line_of(files: dict[str, Path], *more: str) -> list[str]:
    return ["align", str(files["driver"]), "--to", str(files["reference"]), *more]


@pytest.mark.parametrize("option", ["--out", "--report", "--preview"])
def test_nothing_that_is_read_is_replaced(
    files: dict[str, Path], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files["driver"].read_bytes()
    for name in ("driver", "reference"):
        out = ["--out", str(files["out"])] if option != "--out" else []
        taken = files[name]
        if option == "--preview":
            taken = taken.rename(taken.with_suffix(".png"))
            files = {**files, name: taken}
        assert main(line_of(files, *out, option, str(taken), "--force")) == 2
        assert "is an input and would be replaced" in capsys.readouterr().err
    assert files["driver"].read_bytes() == before
    assert not files["out"].exists()


def test_results_that_are_there_need_force_and_change_together(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = tmp_path / "maps"
    words = line_of(files, "--out", str(files["out"]), "--maps", str(maps))
    assert main(words) == 0
    before = files["out"].read_bytes()
    assert main([*words, "--align-strength", "0"]) == 2
    assert "out.json is there already; add --force to replace it" in capsys.readouterr().err
    write_figure(files["driver"], 1, 3, 300)
    assert main([*words, "--align-strength", "0", "--force"]) == 0
    assert files["out"].read_bytes() != before
    assert sorted(path.name for path in maps.iterdir()) == [f"{n:05d}.png" for n in range(3)]


def test_a_pipe_is_not_replaced(files: dict[str, Path], tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "pipe.json")
    assert main(line_of(files, "--out", str(tmp_path / "pipe.json"), "--force")) == 2
    assert (tmp_path / "pipe.json").is_fifo()


def test_drawn_maps_are_refused_as_what_they_are(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were said to lack .json files."""
    maps = tmp_path / "maps"
    maps.mkdir()
    Image.new("RGB", (64, 64)).save(maps / "0.png")
    line = ["align", str(maps), "--to", str(files["reference"]), "--out", str(files["out"])]
    assert main(line) == 2
    assert "pose maps are drawings and cannot be aligned" in capsys.readouterr().err
