"""The samples of ComfyUI's page are what the module that writes them makes."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from magicpose_core.demo.page_samples import DANCES, PEOPLE
from magicpose_core.pose.formats.pose_files import read_poses

FOLDER = Path(__file__).parents[2] / "web" / "page" / "samples"


def test_dances_are_pose_files_of_one_person_each():
    for name in DANCES:
        poses = read_poses(FOLDER / f"{name}.json")
        assert len(poses) == 16
        assert poses.fps == 8
        assert all(len(people) == 1 for people in poses.frames)


def test_people_have_a_picture_and_their_keypoints():
    for name in PEOPLE:
        poses = read_poses(FOLDER / f"{name}.json")
        assert len(poses) == 1
        with Image.open(FOLDER / f"{name}.png") as picture:
            assert picture.size == (128, 128)


def test_samples_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 250_000
