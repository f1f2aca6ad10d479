from __future__ import annotations

import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.pose.formats import json_entries
from magicpose_core.pose.formats.coco_json import from_coco_dataset, to_coco_dataset
from magicpose_core.pose.formats.openpose_json import to_pose_keypoints
from magicpose_core.pose.formats.pose_files import read_poses, write_poses
from magicpose_core.pose.keypoints import PoseSequence

from ..conftest import random_person


def a_clip(missing: float = 0.2) -> PoseSequence:
    generator = np.random.default_rng(7)
    people = [random_person(generator, missing) for _ in range(3)]
    return PoseSequence(frames=((people[0],), (), tuple(people)), width=320, height=200, fps=25)


def a_long_clip(frames: int) -> PoseSequence:
    clip = a_clip()
    return replace(clip, frames=(clip.frames * frames)[:frames])


def test_clip_file_comes_back_with_its_rate(tmp_path: Path) -> None:
    write_poses(tmp_path / "clip.json", a_clip())
    assert read_poses(tmp_path / "clip.json") == a_clip()
    assert read_poses(tmp_path / "clip.json", fps=12).fps == 12


def test_cmu_folder_has_one_file_a_frame_and_comes_back(tmp_path: Path) -> None:
    write_poses(tmp_path / "clip", a_clip(), "cmu")
    assert len(list((tmp_path / "clip").glob("*_keypoints.json"))) == 3
    assert read_poses(tmp_path / "clip", size=(320, 200), fps=25) == a_clip()
    with pytest.raises(InputError, match="set frame_size to that"):
        read_poses(tmp_path / "clip")


@pytest.mark.parametrize("format", ["coco", "mediapipe"])
def test_other_formats_come_back_in_what_they_hold(tmp_path: Path, format: str) -> None:
    write_poses(tmp_path / "clip.json", a_clip(), format)
    once = read_poses(tmp_path / "clip.json")
    write_poses(tmp_path / "again.json", once, format)
    assert read_poses(tmp_path / "again.json") == once
    assert (once.width, once.height, once.fps, len(once)) == (320, 200, 25, 3)
    assert [len(people) for people in once.frames] == [1, 0, 3]
    for person, same in zip(a_clip().frames[2], once.frames[2], strict=True):
        assert person.left_hand == same.left_hand
        np.testing.assert_array_equal(person.body.xy[2:], same.body.xy[2:])


@pytest.mark.parametrize("format", ["pose_keypoint", "coco", "mediapipe"])
def test_a_file_may_be_longer_than_any_of_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    clip = a_long_clip(60)
    write_poses(tmp_path / "clip.json", clip, format)
    whole = read_poses(tmp_path / "clip.json")
    monkeypatch.setattr(json_entries, "_PIECE", 1 << 10)
    monkeypatch.setattr(json_entries, "_LONGEST_VALUE", 1 << 16)
    assert (tmp_path / "clip.json").stat().st_size > 2 << 16
    assert read_poses(tmp_path / "clip.json") == whole


@pytest.mark.parametrize("format", ["pose_keypoint", "coco", "mediapipe"])
def test_memory_of_writing_hardly_grows_with_the_frames(tmp_path: Path, format: str) -> None:
    def peak(frames: int) -> int:
        clip = a_long_clip(frames)
        tracemalloc.start()
        write_poses(tmp_path / f"{frames}", clip, format)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)  # loads what is loaded once
    assert peak(60) - peak(10) < 50 * 1000  # bytes; as JSON values a frame takes 25 times as many


def test_annotations_may_stand_before_the_images(tmp_path: Path) -> None:
    dataset = to_coco_dataset(a_clip())
    (tmp_path / "images.json").write_text(json.dumps(dataset))
    backwards = dict(reversed(list(dataset.items())))
    (tmp_path / "annotations.json").write_text(json.dumps(backwards))
    read = read_poses(tmp_path / "annotations.json")
    assert read == read_poses(tmp_path / "images.json") == from_coco_dataset(dataset)


def test_a_bare_list_of_frames_is_comfyui_s_own_file(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps(to_pose_keypoints(a_clip())))
    assert read_poses(tmp_path / "list.json", fps=25) == a_clip()


def test_frames_of_a_folder_are_in_natural_order(tmp_path: Path) -> None:
    frames = to_pose_keypoints(a_clip())
    for name, frame in zip(("f2", "f10", "f11"), frames, strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(frame))
    assert read_poses(tmp_path, fps=25) == a_clip()


def test_coco_flags_become_scores() -> None:
    dataset = to_coco_dataset(a_clip(0.0))
    flags = [5.0, 5.0, 2.0] + [4.0, 4.0, 1.0] + [0.0, 0.0, 0.0] * 15
    annotation = {"image_id": 0, "keypoints": flags}
    dataset["annotations"] = [annotation]
    body = from_coco_dataset(dataset).frames[0][0].body
    assert sorted(body.score)[-3:] == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON file or cut short"),
        ('{"version": "ap10k", "animals": []}', "holds animals"),
        ('{"annotations": [], "images": []}', "lists no images"),
        ('{"frames": [], "format": "mediapipe_holistic", "width": 4, "height": 4}', "no frames"),
        (
            '{"annotations": [], "images": [{"id": 1, "width": 9, "height": 9}],'
            ' "categories": [{"id": 1, "name": "antelope"}]}',
            "is about antelope; MagicPose draws people",
        ),
        (
            '{"people": [{"pose_keypoints_2d": [1' + "0" * 400 + ", 0, 1]}],"
            ' "canvas_width": 4, "canvas_height": 4}',
            "must be a list of numbers",
        ),
        ('{"people": [], "canvas_width": 99999, "canvas_height": 4}', "1 to 16384 pixels"),
        (
            '{"annotations": [{"image_id": 4}], "images": [{"id": 1, "width": 9, "height": 9}]}',
            "belongs to no image",
        ),
        (
            '{"annotations": [7], "images": [{"id": 1, "width": 9, "height": 9}]}',
            "annotation 0 must be an object, got int",
        ),
        ('{"annotations": null, "images": [{}]}', "has a list of annotations, got NoneType"),
        ('{"frames": null}', "frame 0 must be an object"),
        ('{"format": "mediapipe_holistic"}', "need frames"),
        (
            '{"format": "mediapipe_holistic", "width": 4, "height": 4,'
            ' "frames": [[{"pose": [1]}]]}',
            "frame 0: MediaPipe Holistic gives",
        ),
    ],
)
def test_unreadable_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "poses.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_poses(path)
    assert str(caught.value).count(path.name) == 1


def test_absent_files_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        read_poses(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"no \.json files"):
        read_poses(tmp_path)


@pytest.mark.posix
def test_a_pipe_in_a_folder_of_keypoints_is_refused_without_waiting(tmp_path: Path) -> None:
    write_poses(tmp_path / "poses", a_clip(), "cmu")
    os.mkfifo(tmp_path / "poses" / "pipe.json")
    with pytest.raises(InputError, match=r"pipe\.json is a named pipe"):
        read_poses(tmp_path / "poses", size=(320, 200))


def test_collections_of_pose_editors_become_frames_in_their_order(tmp_path: Path) -> None:
    """OpenPose Studio keeps poses by their names, each a POSE_KEYPOINT frame."""

    def pose(x: float) -> dict[str, object]:
        points = [x, 100, 1] * 18
        return {
            "canvas_width": 512,
            "canvas_height": 768,
            "people": [{"pose_keypoints_2d": points, "hand_left_keypoints_2d": [x, 90, 1] * 21}],
        }

    (tmp_path / "gestures.json").write_text(json.dumps({"wave": pose(200), "bow": pose(300)}))
    read = read_poses(tmp_path / "gestures.json")
    assert (read.width, read.height) == (512, 768)
    places = [people[0].body.pixels(512, 768)[0, 0] for people in read.frames]
    assert places == pytest.approx([200, 300], abs=0.01)
    assert read.frames[0][0].left_hand is not None
