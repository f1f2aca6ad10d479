"""Preview Poses: a moving picture for the graph, a file for the page."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from .comfyui import PACK


@pytest.fixture
def preview(pack, comfyui, tmp_path, monkeypatch):
    """Run the node on a shipped dance; returns what it tells, and the folder of its files."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "get_temp_directory", lambda: str(tmp_path))
    dance = PACK / "web" / "page" / "samples" / "wave.json"
    frames = json.loads(dance.read_text())["frames"]

    def run(**inputs):
        node = pack("nodes.pose_preview").PreviewPoses
        return node.execute(frames, 8.0, **inputs).ui

    return run, tmp_path, frames


def test_without_a_picture_there_is_a_pose_file_alone(preview):
    run, folder, frames = preview
    (entry,) = run()["poses"]
    assert entry["type"] == "temp"
    assert [path.name for path in folder.iterdir()] == [entry["filename"]]
    written = json.loads((folder / entry["filename"]).read_text())
    assert written["fps"] == 8.0
    assert len(written["frames"]) == len(frames)
    assert written["frames"][0]["canvas_width"] == 512


def test_over_a_picture_the_poses_move(preview):
    run, folder, frames = preview
    told = run(image=torch.full((1, 96, 64, 3), 0.5))
    assert told["animated"] == (True,)
    with Image.open(folder / told["images"][0]["filename"]) as moving:
        assert moving.n_frames == len(frames)
        assert moving.size == (256, 256)
        first = moving.convert("RGB").tobytes()
        moving.seek(5)
        assert moving.convert("RGB").tobytes() != first


def test_of_a_long_clip_some_frames_are_shown_and_all_are_written(preview):
    run, folder, frames = preview
    pack_frames = frames * 5
    frames[:] = pack_frames
    told = run(image=torch.zeros(1, 64, 64, 3))
    with Image.open(folder / told["images"][0]["filename"]) as moving:
        assert moving.n_frames == 32
    assert len(json.loads((folder / told["poses"][0]["filename"]).read_text())["frames"]) == 80


@pytest.mark.parametrize("image", [None, torch.full((1, 96, 64, 3), 0.5)])
def test_align_poses_shows_what_it_made_on_the_node(preview, pack, image):
    _, folder, frames = preview
    align = pack("nodes.pose_motion").AlignPoses
    told = align.execute(frames, frames[:1], 1.0, "auto", 2.0, 0.3, True, image=image).ui
    assert told["animated"] == (True,)
    assert "fit " in told["text"][0]
    assert told["magicpose_fit"][0]["score"] > 0
    with Image.open(folder / told["images"][0]["filename"]) as moving:
        assert moving.n_frames == len(frames)
        corner = moving.convert("RGB").getpixel((1, 1))
        first = moving.convert("RGB").tobytes()
        moving.seek(5)
        assert moving.convert("RGB").tobytes() != first
    assert (max(corner) < 10) == (image is None)
