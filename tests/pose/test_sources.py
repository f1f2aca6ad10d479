from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from magicpose_core.clip_settings import Span
from magicpose_core.errors import InputError
from magicpose_core.pose.cleanup.settings import PersonChoice, SmoothSettings
from magicpose_core.pose.detectors.settings import DetectorSettings
from magicpose_core.pose.draw import draw_poses
from magicpose_core.pose.draw_style import DrawStyle
from magicpose_core.pose.formats.pose_files import write_poses
from magicpose_core.pose.keypoints import PoseSequence
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.sources import (
    AlignTarget,
    PoseOptions,
    draw_sequence,
    open_maps,
    prepare,
    read_person,
    read_sequence,
    refuse_changed_maps,
    source_kind,
)
from magicpose_core.video.writer import open_mp4

from .clip_fixtures import write_pictures, write_video
from .conftest import random_person
from .tiny_networks import write_dwpose


def a_sequence(frames: int = 4) -> PoseSequence:
    generator = np.random.default_rng(2)
    people = tuple((random_person(generator, missing=0.0),) for _ in range(frames))
    return PoseSequence(frames=people, width=96, height=128, fps=24)


@pytest.fixture
def dwpose(tmp_path: Path) -> DetectorSettings:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    return DetectorSettings(weights=(write_dwpose(tmp_path / "weights"),), device="cpu")


def drawn(sequence: PoseSequence, style: DrawStyle | None = None) -> list[np.ndarray]:
    return [draw_poses(people, 128, 96, style) for people in sequence.frames]


def test_folders_pictures_and_videos_of_maps_pass_as_they_are(tmp_path: Path) -> None:
    pose_maps = drawn(a_sequence(), DrawStyle(hands=False, face=False, line_scale=0.25))
    folder = tmp_path / "maps"
    folder.mkdir()
    for index, pose_map in enumerate(pose_maps):
        Image.fromarray(pose_map).save(folder / f"{index}.png")
    with open_maps(folder) as opened:
        assert (opened.count, opened.fps) == (4, None)
        for found, expected in zip(opened.maps, pose_maps, strict=True):
            np.testing.assert_array_equal(found, expected)
    with open_maps(folder / "2.png") as opened:
        np.testing.assert_array_equal(next(opened.maps), pose_maps[2])
    with open_mp4(tmp_path / "maps.mp4", fps=24) as write:
        for pose_map in pose_maps:
            write(pose_map)
    with open_maps(tmp_path / "maps.mp4", Span(stride=2)) as opened:
        assert opened.fps == 12
        assert len(list(opened.maps)) == 2


def test_paths_are_told_by_what_they_hold(tmp_path: Path) -> None:
    detector = DetectorSettings()
    write_poses(tmp_path / "cmu", a_sequence(), "cmu")
    (tmp_path / "pictures").mkdir()
    assert source_kind(tmp_path / "cmu", None) == "keypoints"
    assert source_kind(tmp_path / "poses.json", detector) == "keypoints"
    assert source_kind(tmp_path / "pictures", None) == "maps"
    assert source_kind(tmp_path / "pictures", detector) == "video"


def test_keypoints_are_drawn_in_the_chosen_style() -> None:
    style = DrawStyle(face=False)
    maps = draw_sequence(a_sequence(), style)
    for found, expected in zip(maps, drawn(a_sequence(), style), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_folder_of_keypoint_files_is_cut_to_the_chosen_frames(tmp_path: Path) -> None:
    write_poses(tmp_path / "cmu", a_sequence(), "cmu")
    read = read_sequence(tmp_path / "cmu", span=Span(start=1, stop=3), frame_size=(96, 128))
    for found, expected in zip(draw_sequence(read), drawn(a_sequence())[1:3], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_everybody_is_kept_when_nobody_is_chosen() -> None:
    people = tuple(random_person(np.random.default_rng(seed), missing=0.0) for seed in range(2))
    sequence = PoseSequence(frames=(people,), width=96, height=128, fps=24)
    assert prepare(sequence, PoseOptions(person=None))[0].frames == (people,)
    first = PoseOptions(person=PersonChoice.parse("index:0"))
    (kept,) = prepare(sequence, first)[0].frames
    np.testing.assert_array_equal(draw_poses(kept, 128, 96), draw_poses(people[:1], 128, 96))


def test_videos_of_people_are_looked_at_smoothed_and_aligned(
    tmp_path: Path, dwpose: DetectorSettings
) -> None:
    clip = write_video(tmp_path / "clip.mp4", "xxxx")
    person, size = read_person(write_pictures(tmp_path / "reference", "x"), dwpose)
    assert size == (96, 128)
    target = AlignTarget(person=person, size=(64, 64), settings=AlignSettings(anchor="feet"))
    options = PoseOptions(smooth=SmoothSettings(), align=target)
    aligned, alignment = prepare(read_sequence(clip, dwpose), options)
    assert alignment is not None
    assert len(aligned) == 4
    assert all(pose_map.shape == (64, 64, 3) for pose_map in draw_sequence(aligned))


def test_maps_are_made_when_they_are_asked_for() -> None:
    maps = draw_sequence(a_sequence(2))
    assert iter(maps) is maps
    assert len(list(itertools.islice(maps, 1))) == 1


def test_pictures_without_a_detector_are_told_from_maps(tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    with (
        open_maps(tmp_path / "photo.png") as opened,
        pytest.raises(InputError, match=r"not a pose map .*name a detector"),
    ):
        next(opened.maps)
    with pytest.raises(InputError, match="is a picture: name a detector"):
        read_person(tmp_path / "photo.png")


def test_maps_cannot_be_smoothed() -> None:
    refuse_changed_maps("maps", (None, None))
    with pytest.raises(InputError, match="cannot be aligned or smoothed"):
        refuse_changed_maps("maps", (SmoothSettings(), None))


def test_spans_beyond_the_keypoints_and_nobody_to_align_to_are_refused(tmp_path: Path) -> None:
    write_poses(tmp_path / "poses.json", a_sequence())
    with pytest.raises(
        InputError, match=r"poses\.json has 4 frames, none in 9 to the end; ask for"
    ):
        read_sequence(tmp_path / "poses.json", span=Span(start=9))
    write_poses(tmp_path / "nobody.json", PoseSequence(frames=((),), width=8, height=8))
    with pytest.raises(InputError, match=r"nobody\.json shows nobody .*detect people anew"):
        read_sequence(tmp_path / "nobody.json")
    with pytest.raises(InputError, match="no person is found in"):
        read_person(tmp_path / "nobody.json")
    with pytest.raises(InputError, match="nothing is at"):
        read_person(tmp_path / "none.png")


def test_a_person_whom_no_frame_shows_is_refused() -> None:
    with pytest.raises(InputError, match="no frame shows the person index:5; choose another"):
        prepare(a_sequence(), PoseOptions(person=PersonChoice(rule="index", number=5)))
