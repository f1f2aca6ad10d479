"""``magicpose dancers`` writes what ``magicpose train`` reads."""

import numpy as np
import pytest

from magicpose_core.cli.__main__ import main
from magicpose_core.data.dancers import export
from magicpose_core.data.dancers.clips import draw_clip
from magicpose_core.data.tiktok import tiktok_subjects


def test_the_written_folders_are_read_as_a_data_set(tmp_path):
    words = ["dancers", "--out", str(tmp_path), "--people", "2", "--heldout", "1"]
    assert main([*words, "--frames", "3", "--size", "32"]) == 0
    settings = {"size": 32, "near_uniform": 0.95, "seed": None}
    train = tiktok_subjects(tmp_path, "train_set", **settings)
    assert [subject.name for subject in train] == ["train_00000", "train_00001"]
    assert [len(list(subject.frames())) for subject in train] == [3, 3]
    (heldout,) = tiktok_subjects(tmp_path, "val_set", **settings)
    assert heldout.name == "heldout_00000"


def test_dancers_are_written_in_the_framing_that_is_asked_for(tmp_path):
    words = ("--people", "1", "--heldout", "0", "--frames", "2", "--size", "64")
    for framing in ("full", "waist"):
        folder = tmp_path / framing
        assert main(["dancers", "--out", str(folder), *words, "--framing", framing]) == 0
        (subject,) = tiktok_subjects(folder, "train_set", size=64, near_uniform=0.8, seed=None)
        drawn = [frame.picture for frame in subject.frames()]
        clip = draw_clip(0, 2, "train", framing=framing)
        for picture, frame in zip(drawn, clip.frames(64), strict=True):
            assert np.array_equal(picture, frame.picture)


@pytest.mark.parametrize(
    "words", [("--frames", "0"), ("--people", "-1"), ("--people", "9" * 30), ("--size", "2")]
)
def test_impossible_numbers_are_refused(tmp_path, words, capsys):
    assert main(["dancers", "--out", str(tmp_path / "out"), *words]) == 2
    assert f"{words[0]} must be a whole number in" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_needs_force(tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("mine")
    words = ["dancers", "--out", str(tmp_path), "--people", "1", "--heldout", "0", "--frames", "1"]
    assert main([*words, "--size", "32"]) == 2
    assert "is there and not empty; name a new folder, or add --force" in capsys.readouterr().err
    assert main([*words, "--size", "32", "--force"]) == 0
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_a_set_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """The second dancer's last frame fails; before, the first one was left alone in the folder."""

    def draw_pose_map(pose, size, draw=export.draw_pose_map, drawn=[]):  # noqa: B006 - a counter
        drawn.append(pose)
        if len(drawn) == 4:
            raise KeyboardInterrupt
        return draw(pose, size)

    monkeypatch.setattr(export, "draw_pose_map", draw_pose_map)
    words = ["dancers", "--out", str(tmp_path / "set"), "--people", "2", "--heldout", "0"]
    words += ["--frames", "2", "--size", "32"]
    assert main(words) == 130
    assert not [path for path in (tmp_path / "set").rglob("*") if path.is_file()]
    assert main([*words, "--force"]) == 0
    assert len(list((tmp_path / "set").rglob("*.png"))) == 8
