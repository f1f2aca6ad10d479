"""Files and folders that may not be read are named, and never left out without a word."""

from __future__ import annotations

import os

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from magicpose_core.cli.__main__ import main
from magicpose_core.doctor.comfyui import describe_comfyui
from magicpose_core.files import FilePlan, check_plan, paths_below
from magicpose_core.pose.detectors.weights import WeightFile, find_weights
from magicpose_core.pose.formats.pose_files import write_poses

from .harness import try_case
from .keypoints import a_clip
from .outcomes import Case, Limits
from .permissions import obey_permissions

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LIMITS = Limits(seconds=30)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Inputs of several kinds, and of each one that may not be read."""
    monkeypatch.chdir(tmp_path)
    for folder in ("dark", "results/dark", "results/one", "truth/dark", "truth/one"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(tmp_path / folder / "0.png")
    for folder in ("model/unet", "model/vae"):
        (tmp_path / folder).mkdir(parents=True)
        save_file({"a": torch.zeros(1)}, tmp_path / folder / "a.safetensors")
    write_poses(tmp_path / "poses.json", a_clip())
    for name in ("dark.json", "dark.png", "dark.mp4", "dark.th"):
        (tmp_path / name).touch()
    dark = [*tmp_path.rglob("dark"), *tmp_path.glob("dark.*"), tmp_path / "model" / "vae"]
    for path in dark:
        path.chmod(0)
    yield tmp_path
    for path in filter(os.path.lexists, dark):
        path.chmod(0o700)


def try_bound(action, *, command=False):
    """Try what permissions bind."""

    def bound():
        obey_permissions()
        return action()

    return try_case(Case("", bound, command=command), LIMITS)


GENERATE = "generate --out out/clip.mp4 --checkpoint model"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("inspect dark", "dark"),
        ("inspect dark.th", "dark.th"),
        ("inspect dark/a.safetensors", "dark/a.safetensors"),
        ("inspect model", "model/vae"),
        ("convert model --out out.safetensors", "model/vae"),
        ("align dark --to poses.json --out out.json", "dark"),
        ("align dark.json --to poses.json --out out.json", "dark.json"),
        ("align poses.json --to dark --out out.json", "dark"),
        (f"{GENERATE} --reference results/one/0.png --poses dark", "dark"),
        (f"{GENERATE} --reference results/one/0.png --poses dark.mp4", "dark.mp4"),
        (f"{GENERATE} --reference dark.png --poses results/one", "dark.png"),
        ("detect dark --out out", "dark"),
        ("detect results --out out", "results/dark"),
        ("evaluate dark --truth truth", "dark"),
        ("evaluate results --truth truth --partial", "results/dark"),
        ("evaluate results/one --truth truth --partial", "truth/dark"),
    ],
)
def test_what_may_not_be_read_is_named(place, line, named):
    outcome = try_bound(lambda: main(line.split()), command=True)
    assert outcome.kind == "one line", outcome
    assert f"{named} may not be read; change its permissions" in outcome.told


def test_weights_of_a_detector_in_a_dark_folder_are_not_called_missing(place):
    file = WeightFile(name="a.onnx", url="", sha256="", size=1, licence="")
    outcome = try_bound(lambda: find_weights(file, [place / "dark"]))
    assert "dark may not be read" in outcome.told, outcome


def test_the_doctor_tells_of_a_dark_folder_of_models(place):
    (place / "models").mkdir()
    (place / "dark").rename(place / "models" / "vae")

    def told():
        return any("may not be read" in each.seen for each in describe_comfyui(place) if each.wrong)

    assert try_bound(lambda: None if told() else 1 / 0).kind == "ok"
    (place / "models" / "vae").chmod(0o700)
    assert try_bound(lambda: 1 / 0 if told() else None).kind == "ok"


def test_a_result_in_a_folder_that_may_not_be_written_to_is_told_before_work(place):
    (place / "results").chmod(0o555)
    outcome = try_bound(lambda: check_plan(FilePlan(files=(place / "results" / "a.mp4",))))
    (place / "results").chmod(0o755)
    assert "results does not allow it; name another place" in outcome.told, outcome


def test_all_below_a_folder_is_listed_and_below_what_is_none_nothing(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.png").touch()
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    below = paths_below(tmp_path / "a")
    assert [str(path.relative_to(tmp_path / "a")) for path in below] == ["b", "b/c.png", "back"]
    assert paths_below(tmp_path / "absent") == paths_below(tmp_path / "a" / "b" / "c.png") == []
