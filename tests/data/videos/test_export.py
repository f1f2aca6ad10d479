from __future__ import annotations

import dataclasses
import errno
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from magicpose_core.data.videos.clips import find_clips
from magicpose_core.data.videos.export import Exported, ExportJob, export_clip
from magicpose_core.errors import InputError, OutputError
from magicpose_core.files import lock_folder
from magicpose_core.pose.cleanup.settings import SmoothSettings
from magicpose_core.pose.detectors.settings import DetectorSettings
from magicpose_core.pose.draw import draw_poses
from magicpose_core.pose.draw_style import DrawStyle
from magicpose_core.pose.formats.pose_files import read_poses
from magicpose_core.video.reader import open_clip
from magicpose_core.video.writer import open_mp4

from ...pose.clip_fixtures import write_pictures, write_video
from ...pose.tiny_networks import write_dwpose


@pytest.fixture
def job(tmp_path: Path) -> ExportJob:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    return ExportJob(
        clip=write_video(tmp_path / "clip.mp4", "xx.xx"),
        out=tmp_path / "out",
        detector=DetectorSettings(weights=(write_dwpose(tmp_path / "weights"),), device="cpu"),
        style=DrawStyle(line_scale=0.25),
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
    with pytest.raises(
        InputError, match="made with other settings or of another clip; set force=True"
    ):
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


def test_another_clip_of_the_same_name_is_told_of(job: ExportJob) -> None:
    export_clip(job)
    write_video(job.clip, "xxx")
    with pytest.raises(InputError, match="of another clip"):
        export_clip(job)


def test_full_disks_leave_forced_results_whole(
    job: ExportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    export_clip(job)
    before = (job.out / "poses.json").read_bytes()
    monkeypatch.setattr("magicpose_core.data.videos.export.overlay_poses", full)
    with pytest.raises(OutputError, match=r"overlay\.mp4: No space left"):
        export_clip(dataclasses.replace(job, force=True))
    assert (job.out / "poses.json").read_bytes() == before
    assert len(list((job.out / "maps").iterdir())) == 5
    assert sorted(p.name for p in job.out.iterdir()) == [
        "detections.jsonl",
        "maps",
        "overlay.mp4",
        "poses.json",
    ]


def test_folders_of_others_are_not_replaced(job: ExportJob) -> None:
    mine = job.out / "maps" / "mine.png"
    mine.parent.mkdir(parents=True)
    mine.touch()
    with pytest.raises(InputError, match=r"maps is there but poses\.json is not"):
        export_clip(job)
    with pytest.raises(OutputError, match=r"holds mine\.png, which is no frame"):
        export_clip(dataclasses.replace(job, force=True))
    assert mine.exists()
    mine.rename(mine.with_name("00007.png"))
    export_clip(dataclasses.replace(job, force=True))
    assert len(list((job.out / "maps").iterdir())) == 5


def test_results_of_other_settings_are_replaced_as_one(job: ExportJob) -> None:
    export_clip(job)
    export_clip(dataclasses.replace(job, maps=False, overlay=False, force=True))
    assert [path.name for path in job.out.iterdir()] == ["poses.json"]


def test_a_clip_that_another_process_works_on_is_left_alone(job: ExportJob) -> None:
    with (
        lock_folder(job.out),
        pytest.raises(OutputError, match="is in use by process"),
    ):
        export_clip(job)


def test_a_journal_left_behind_finished_results_goes(job: ExportJob) -> None:
    export_clip(job)
    (job.out / "detections.jsonl").touch()
    assert export_clip(job).done_before
    assert not (job.out / "detections.jsonl").exists()


def test_a_killed_run_is_gone_on_with(job: ExportJob) -> None:
    def die(_: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_clip(job, on_frame=die)
    assert not (job.out / "poses.json").exists()
    left = job.out / ".magicpose-0a1b2c3d" / "new" / "maps"
    left.mkdir(parents=True)
    (left / "00000.png").touch()
    assert export_clip(job) == Exported(frames=5, with_person=4)
    assert len(list((job.out / "maps").iterdir())) == 5
    assert sorted(p.name for p in job.out.iterdir()) == ["maps", "overlay.mp4", "poses.json"]


def test_clips_are_found_and_named(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in" / "deep" / "dance.mp4", "x")
    pictures = write_pictures(tmp_path / "in" / "walk.1", "x")
    (tmp_path / "in" / "notes.txt").touch()
    out = tmp_path / "out"
    assert find_clips(tmp_path / "in", out=out) == {"deep_dance": video, "walk.1": pictures}
    assert find_clips(tmp_path / "in", out=tmp_path).keys() == {"deep_dance", "walk.1"}
    assert find_clips(video, out=out) == {"dance": video}
    assert find_clips(pictures, out=out) == {"walk.1": pictures}


def test_photos_are_clips_of_their_own(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in" / "dance.mp4", "x")
    pictures = write_pictures(tmp_path / "in" / "walk", "xx")
    one, two = pictures / "0.png", pictures / "1.png"
    out = tmp_path / "out"
    assert find_clips(pictures, out=out, photos=True) == {"0": one, "1": two}
    found = find_clips(tmp_path / "in", out=out, photos=True)
    assert found == {"dance": video, "walk_0": one, "walk_1": two}


def test_folders_without_a_name_of_their_own_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = write_pictures(tmp_path / "walk", "x")
    (pictures / "deeper").mkdir()
    monkeypatch.chdir(pictures)
    assert find_clips(Path(), out=tmp_path / "out") == {"walk": pictures}
    monkeypatch.chdir(pictures / "deeper")
    assert find_clips(Path(".."), out=tmp_path / "out") == {"walk": pictures}


def test_results_are_not_taken_for_clips(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in" / "dance.mp4", "x")
    out = tmp_path / "in" / "out"
    write_video(out / "dance" / "overlay.mp4", "x")
    write_pictures(out / "dance" / "maps", "x")
    assert find_clips(tmp_path / "in", out=out) == {"dance": video}
    with pytest.raises(InputError, match="name another folder"):
        find_clips(tmp_path / "in", out=tmp_path / "in")


def test_paths_without_clips_and_double_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is at"):
        find_clips(tmp_path / "none", out=tmp_path / "out")
    with pytest.raises(InputError, match="neither videos"):
        find_clips(tmp_path, out=tmp_path / "out")
    for name in ("a.mp4", "a.mov"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="would both be a"):
        find_clips(tmp_path, out=tmp_path / "out")


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
