from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from magicpose_core.errors import InputError
from magicpose_core.pose.clips import find_clips
from magicpose_core.pose.detectors.detector import DetectorSettings
from magicpose_core.pose.draw import DrawStyle, draw_poses
from magicpose_core.pose.export import Exported, ExportJob, export_clip
from magicpose_core.pose.pose_files import read_poses
from magicpose_core.pose.smooth import SmoothSettings
from magicpose_core.video.reader import open_clip
from magicpose_core.video.writer import open_mp4

from .clip_fixtures import write_pictures, write_video
from .tiny_networks import write_dwpose


@pytest.fixture
def job(tmp_path: Path) -> ExportJob:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    return ExportJob(
        clip=write_video(tmp_path / "clip.mp4", "xx.xx"),
        out=tmp_path / "out",
        detector=DetectorSettings(weights=(write_dwpose(tmp_path / "weights"),), device="cpu"),
        style=DrawStyle(scale=0.25),
    )


def test_keypoints_maps_and_overlay_are_written(job: ExportJob) -> None:
    assert export_clip(job) == Exported(frames=5, with_person=4)
    assert sorted(p.name for p in job.out.iterdir()) == ["maps", "overlay.mp4", "poses.json"]
    poses = read_poses(job.out / "poses.json")
    assert (poses.width, poses.height, poses.fps) == (96, 128, 25)
    maps = sorted((job.out / "maps").iterdir())
    assert len(maps) == 5
    for path, people in zip(maps, poses.frames, strict=True):
        expected = draw_poses(people, 128, 96, job.style)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)
    with open_clip(job.out / "overlay.mp4") as overlay:
        assert len(list(overlay.frames)) == 5


def test_gaps_are_filled_when_smoothing_is_asked_for(job: ExportJob) -> None:
    assert export_clip(dataclasses.replace(job, smooth=SmoothSettings())).with_person == 5


def test_parts_that_are_not_wanted_are_not_written(job: ExportJob) -> None:
    export_clip(dataclasses.replace(job, maps=False, overlay=False))
    assert [p.name for p in job.out.iterdir()] == ["poses.json"]


def test_done_clips_are_left_alone_and_other_settings_need_force(job: ExportJob) -> None:
    export_clip(job)
    before = (job.out / "poses.json").stat().st_mtime_ns
    assert export_clip(job) == Exported(frames=5, with_person=4, done_before=True)
    assert (job.out / "poses.json").stat().st_mtime_ns == before
    other = dataclasses.replace(job, smooth=SmoothSettings())
    with pytest.raises(InputError, match="made with other settings; add --force"):
        export_clip(other)
    assert (job.out / "poses.json").stat().st_mtime_ns == before
    assert export_clip(dataclasses.replace(other, force=True)).with_person == 5


def test_results_stay_where_forced_work_fails(job: ExportJob, tmp_path: Path) -> None:
    export_clip(job)
    before = (job.out / "poses.json").read_bytes()
    nobody = write_video(tmp_path / "nobody.mp4", "...")
    with pytest.raises(InputError, match="no person is found"):
        export_clip(dataclasses.replace(job, clip=nobody, force=True))
    assert (job.out / "poses.json").read_bytes() == before
    assert len(list((job.out / "maps").iterdir())) == 5


def test_a_killed_run_is_gone_on_with(job: ExportJob) -> None:
    def die(_: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_clip(job, on_frame=die)
    assert not (job.out / "poses.json").exists()
    (job.out / "maps").mkdir()
    (job.out / "maps" / "00000.png").touch()
    (job.out / ".maps.1234abcd").mkdir()
    (job.out / ".overlay.1234abcd.mp4").touch()
    assert export_clip(job) == Exported(frames=5, with_person=4)
    assert len(list((job.out / "maps").iterdir())) == 5
    assert sorted(p.name for p in job.out.iterdir()) == ["maps", "overlay.mp4", "poses.json"]


def test_clips_are_found_and_named(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in" / "deep" / "dance.mp4", "x")
    pictures = write_pictures(tmp_path / "in" / "walk", "x")
    (tmp_path / "in" / "notes.txt").touch()
    assert find_clips(tmp_path / "in") == {"deep_dance": video, "walk": pictures}
    assert find_clips(video) == {"dance": video}
    assert find_clips(pictures) == {"walk": pictures}


def test_paths_without_clips_and_double_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is at"):
        find_clips(tmp_path / "none")
    with pytest.raises(InputError, match="neither videos"):
        find_clips(tmp_path)
    for name in ("a.mp4", "a.mov"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="would both be a"):
        find_clips(tmp_path)


def test_memory_does_not_hold_the_frames_of_the_clip(job: ExportJob, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        clip = tmp_path / f"{count}.mp4"
        with open_mp4(clip, fps=25) as write:
            for _ in range(count):
                write(bright)
        tracemalloc.start()
        try:
            export_clip(dataclasses.replace(job, clip=clip, out=tmp_path / str(count)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    bright = np.full((256, 256, 3), 255, np.uint8)
    export_clip(job)  # whatever is loaded once
    assert peak(60) - peak(10) < 50 * bright.nbytes / 10
