from __future__ import annotations

import contextlib
import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from magicpose_core.clip_settings import Span
from magicpose_core.data.videos.dataset import (
    DatasetCount,
    DatasetJob,
    export_subject,
    merge_rejected,
    rejection,
)
from magicpose_core.errors import InputError
from magicpose_core.evaluation.kinematic_figures import pose, random_body, random_motion
from magicpose_core.pose import detect
from magicpose_core.pose.detectors.settings import DetectorSettings
from magicpose_core.pose.draw import draw_poses
from magicpose_core.pose.draw_style import DrawStyle
from magicpose_core.pose.keypoints import Keypoints, PersonPose
from magicpose_core.pose.skeletons import BODY

from ...pose.clip_fixtures import frames, write_video
from ...pose.tiny_networks import write_dwpose


def person(points: int, side: float) -> PersonPose:
    """A person of so many points whose box has these sides."""
    xy = np.full((18, 2), 0.5)
    xy[0] += side / 2
    xy[1] -= side / 2
    return PersonPose(body=Keypoints(xy, np.arange(18) < points))


def test_the_authors_rules_leave_frames_out() -> None:
    assert rejection([person(7, 0.5)], 0.3) is None
    assert rejection([], 0.3) == "no person"
    assert rejection([person(18, 0.5)] * 2, 0.3) == "2 people"
    assert rejection([person(6, 0.5)], 0.3) == "only 6 body points"
    assert rejection([person(18, 0.199)], 0.3) == "the body fills 4.0% of the frame"
    assert rejection([person(18, 0.201)], 0.3) is None


def test_a_second_person_whom_the_detector_misses_now_and_then_is_remembered() -> None:
    assert rejection([person(18, 0.5)], 0.3, around=2) == "1 person found, 2 within a second of it"


def test_skeletons_that_mix_two_people_are_left_out() -> None:
    """Two women in a group photo once became one."""
    generator = np.random.default_rng(0)
    motion = random_motion(generator, 1, depth=False)
    places = pose(random_body(generator, 400), motion)[0, :18] / 1000 + 0.5
    plain = PersonPose(body=Keypoints(places, np.ones(18)))
    assert rejection([plain], 0.3, size=(1000, 1000)) is None
    places[[BODY.index("right_knee"), BODY.index("right_ankle")]] += (0.4, 0)
    mixed = PersonPose(body=Keypoints(places, np.ones(18)))
    assert rejection([mixed], 0.3, size=(1000, 1000)) == "the skeleton mixes two people"


def test_frames_around_those_with_two_people_are_left_out(
    job: DatasetJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A detector that sees the second person in the third of four frames alone."""
    alone, other = person(18, 0.5), person(18, 0.4)

    class Detector:
        runs_on = "a test"
        frames = iter([(alone,), (alone,), (alone, other), (alone,)])

        def detect(self, frame: np.ndarray) -> tuple[PersonPose, ...]:
            return next(self.frames)

    monkeypatch.setattr(detect, "open_detector", lambda _: contextlib.nullcontext(Detector()))
    assert export_subject(job) == DatasetCount(kept=0, rejected=4)
    reasons = (job.notes / "someone.csv").read_text()
    assert reasons.count("1 person found, 2 within a second of it") == 3
    assert reasons.count("2 people") == 1


def test_doubtful_points_do_not_count() -> None:
    sure = person(18, 0.5)
    doubtful = PersonPose(body=Keypoints(sure.body.xy, sure.body.score * 0.2))
    assert rejection([doubtful], 0.3) == "only 0 body points"


@pytest.fixture
def job(tmp_path: Path) -> DatasetJob:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    return DatasetJob(
        clip=write_video(tmp_path / "clip.mp4", "x.xx"),
        subject="someone",
        frames=tmp_path / "out" / "train_set",
        maps=tmp_path / "out" / "pose_map_train_set",
        notes=tmp_path / "out" / "notes",
        detector=DetectorSettings(weights=(write_dwpose(tmp_path / "weights"),), device="cpu"),
        style=DrawStyle(line_scale=0.25),
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.png"))


def test_good_frames_and_their_maps_have_one_name(job: DatasetJob) -> None:
    assert export_subject(job) == DatasetCount(kept=3, rejected=1)
    kept = ["00000.png", "00002.png", "00003.png"]
    assert names(job.frames / "someone") == names(job.maps / "someone") == kept
    picture = np.asarray(Image.open(job.frames / "someone" / "00002.png")).astype(int)
    assert np.abs(picture - frames("x")[0]).mean() < 4
    pose_map = np.asarray(Image.open(job.maps / "someone" / "00002.png"))
    assert pose_map.shape == picture.shape
    assert pose_map.any()


def test_done_subjects_are_left_alone_and_killed_ones_gone_on_with(job: DatasetJob) -> None:
    class Killed(BaseException):
        pass

    def die_at_the_third(_: int | None) -> None:
        seen.append(1)
        if len(seen) == 3:
            raise Killed

    seen: list[int] = []
    with pytest.raises(Killed):
        export_subject(job, on_frame=die_at_the_third)
    assert len((job.notes / "someone.jsonl").read_text().splitlines()) == 1 + 3
    assert export_subject(job) == DatasetCount(kept=3, rejected=1)
    assert not (job.notes / "someone.jsonl").exists()
    blind = dataclasses.replace(job, detector=DetectorSettings(weights=()))
    assert export_subject(blind) == DatasetCount(kept=3, rejected=1)


@pytest.mark.parametrize("change", ["clip", "span", "style"])
def test_subjects_of_other_work_are_not_added_to(job: DatasetJob, change: str) -> None:
    export_subject(job)
    before = names(job.frames)
    if change == "clip":
        write_video(job.clip, "xx")
    elif change == "span":
        job = dataclasses.replace(job, span=Span(stride=2))
    else:
        job = dataclasses.replace(job, style=DrawStyle(face=False))
    with pytest.raises(InputError, match="of another clip or was made with other settings"):
        export_subject(job)
    assert names(job.frames) == before


def test_lists_of_left_out_frames_are_joined(job: DatasetJob, tmp_path: Path) -> None:
    export_subject(job)
    (job.notes / "another.csv").write_text("subject,frame,reason\nanother,00007,2 people\n")
    merge_rejected(job.notes, tmp_path / "rejected.csv")
    with (tmp_path / "rejected.csv").open() as read:
        assert list(csv.DictReader(read)) == [
            {"subject": "another", "frame": "00007", "reason": "2 people"},
            {"subject": "someone", "frame": "00001", "reason": "no person"},
        ]


def test_maps_are_drawn_from_the_person_of_the_frame(job: DatasetJob) -> None:
    from magicpose_core.pose.detect import detect_sequence

    export_subject(job)
    people = detect_sequence(job.clip, job.detector).frames[3]
    expected = draw_poses(people, 128, 96, job.style)
    np.testing.assert_array_equal(
        np.asarray(Image.open(job.maps / "someone" / "00003.png")), expected
    )
