"""The authors' layout: paired by name, mistakes reported and left out."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from magicpose_core.data.dancers.export import ClipExport, write_dancer_clip
from magicpose_core.data.tiktok import cut_square, is_near_uniform, tiktok_subjects
from magicpose_core.errors import InputError
from magicpose_core.images import write_image

SETTINGS = {"size": 16, "near_uniform": 0.9, "seed": None}


def picture(value: float, height: int = 24, width: int = 32) -> torch.Tensor:
    ramp = torch.linspace(0, 1, width).expand(3, height, width).clone()
    ramp[2] = value
    return ramp


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for subject in ("anna", "ben"):
        for frame in range(4):
            name = f"{frame:04d}"
            write_image(tmp_path / "train_set" / subject / f"{name}.png", picture(frame / 5))
            maps = tmp_path / "pose_map_train_set" / subject
            write_image(maps / f"{name}.jpg", picture(frame / 5))
    return tmp_path


def names(root: Path) -> dict[str, list[str]]:
    subjects = tiktok_subjects(root, "train_set", **SETTINGS)
    return {subject.name: [frame.name for frame in subject.frames()] for subject in subjects}


def test_frames_and_maps_are_paired_by_name_whatever_the_suffix(root):
    frames = ["0000", "0001", "0002", "0003"]
    assert names(root) == {"anna": frames, "ben": frames}
    frame = next(tiktok_subjects(root, "train_set", **SETTINGS)[0].frames())
    assert frame.picture.shape == frame.pose_map.shape == (16, 16, 3)


def test_a_missing_map_costs_one_frame_and_shifts_none(root, caplog):
    (root / "pose_map_train_set" / "anna" / "0001.jpg").unlink()
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        assert names(root)["anna"] == ["0000", "0002", "0003"]
    assert "1 frame(s) without a pose map left out (0001.png)" in caplog.text
    (subject, _) = tiktok_subjects(root, "train_set", **SETTINGS)
    for frame in subject.frames():
        blue = int(frame.name) / 5 * 255
        assert frame.picture[..., 2].mean() == pytest.approx(blue, abs=1)
        assert frame.pose_map[..., 2].mean() == pytest.approx(blue, abs=6)


def test_maps_of_other_names_are_reported(root, caplog):
    write_image(root / "pose_map_train_set" / "ben" / "stranger.png", picture(0))
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        names(root)
    assert "1 pose map(s) without a frame left out (stranger.png)" in caplog.text


def test_unreadable_and_near_uniform_frames_are_left_out(root, caplog):
    folder = root / "train_set" / "anna"
    (folder / "0000.png").write_bytes((folder / "0000.png").read_bytes()[:60])
    write_image(folder / "0002.png", torch.full((3, 24, 32), 0.5))
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        assert names(root)["anna"] == ["0001", "0003"]
    assert "subject anna: 2 frame(s) left out" in caplog.text
    assert "0002.png is nearly of one colour" in caplog.text


def test_maps_that_are_black_or_of_another_shape_are_left_out(root, caplog):
    maps = root / "pose_map_train_set" / "anna"
    write_image(maps / "0000.jpg", torch.zeros(3, 24, 32))
    write_image(maps / "0001.jpg", picture(0.2, height=32))
    write_image(maps / "0002.jpg", picture(0.4, height=49, width=64))  # rounded, the same shape
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        assert names(root)["anna"] == ["0002", "0003"]
    assert "0000.png has a black pose map" in caplog.text
    assert "0001.png is 32 x 24 and its pose map, 32 x 32, of another shape" in caplog.text


def test_of_two_pictures_of_one_name_one_is_reported(root, caplog):
    write_image(root / "train_set" / "ben" / "0001.jpg", picture(0.2))
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        names(root)
    assert "1 picture(s) left out, of the name of another (0001.jpg)" in caplog.text


def test_a_subject_without_any_map_is_left_out(root):
    for path in (root / "pose_map_train_set" / "anna").iterdir():
        path.unlink()
    assert list(names(root)) == ["ben"]


def test_absent_folders_are_named(root):
    with pytest.raises(InputError, match=r"no folder .*val_set; expected <root>/val_set"):
        tiktok_subjects(root, "val_set", **SETTINGS)


def test_a_set_without_pairs_is_refused(root):
    (root / "test_set" / "anna").mkdir(parents=True)
    (root / "pose_map_test_set").mkdir()
    with pytest.raises(InputError, match="has a pose map of the same name"):
        tiktok_subjects(root, "test_set", **SETTINGS)


def test_a_frame_and_its_map_share_one_crop(root):
    for subject in tiktok_subjects(root, "train_set", **{**SETTINGS, "seed": 3}):
        for frame in subject.frames():
            ramps = frame.picture[..., 0].astype(int), frame.pose_map[..., 0].astype(int)
            assert np.abs(ramps[0] - ramps[1]).max() <= 6  # the map is a JPEG


def test_crops_differ_from_frame_to_frame_and_not_from_time_to_time(root):
    for subject in ("anna", "ben"):
        for frame in range(4):  # large, so that whole pixels of a crop's place show
            name = root / "train_set" / subject / f"{frame:04d}.png"
            write_image(name, picture(frame / 5, height=240, width=320))
    (subject, other) = tiktok_subjects(root, "train_set", **{**SETTINGS, "seed": 3})
    edges = [frame.picture[0, 0, 0] for one in (subject, other) for frame in one.frames()]
    assert len(set(edges)) > 4
    again = [frame.picture[0, 0, 0] for one in (subject, other) for frame in one.frames()]
    assert edges == again


def test_crops_of_tall_pictures_stay_in_the_centre_square(root):
    rows = torch.linspace(0, 1, 96).reshape(1, 96, 1).expand(3, 96, 24)
    for frame in range(4):
        write_image(root / "train_set" / "anna" / f"{frame:04d}.png", rows)
        write_image(root / "pose_map_train_set" / "anna" / f"{frame:04d}.jpg", rows)
    subject = tiktok_subjects(root, "train_set", **{**SETTINGS, "seed": 3})[0]
    for frame in subject.frames():
        assert frame.picture.min() >= 255 * 36 // 95
        assert frame.picture.max() <= 255 * 59 // 95 + 1


def test_squares_lie_where_asked():
    image = torch.arange(12.0).expand(1, 3, 8, 12)
    assert cut_square(image, 1.0, 0.0, 0.5)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert cut_square(image, 0.5, 1.0, 0.0)[0, 0, 0].tolist() == [8, 9, 10, 11]


def test_uniform_pictures_are_told_from_others():
    assert is_near_uniform(np.full((8, 8, 3), 7, np.uint8), 0.8)
    levels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1).repeat(3, axis=2)
    assert not is_near_uniform(levels, 0.8)


def test_written_dancers_are_read_back(tmp_path):
    write_dancer_clip(tmp_path, ClipExport(index=0, split="train", count=3, size=32))
    (subject,) = tiktok_subjects(tmp_path, "train_set", **{**SETTINGS, "size": 32})
    written = list(ClipExport(index=0, split="train", count=3, size=32).frames())
    for read, drawn in zip(subject.frames(), written, strict=True):
        assert np.array_equal(read.picture, drawn.picture)
        assert np.array_equal(read.pose_map, drawn.pose_map)


def test_another_file_is_another_signature(root):
    before = [subject.signature for subject in tiktok_subjects(root, "train_set", **SETTINGS)]
    assert before == [s.signature for s in tiktok_subjects(root, "train_set", **SETTINGS)]
    write_image(root / "train_set" / "anna" / "0000.png", picture(0.9))
    after = [subject.signature for subject in tiktok_subjects(root, "train_set", **SETTINGS)]
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)
