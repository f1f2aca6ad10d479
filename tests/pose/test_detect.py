from __future__ import annotations

from pathlib import Path

import pytest

from magicpose_core.clip_settings import Span
from magicpose_core.errors import InputError, MissingDependencyError
from magicpose_core.pose.detect import detect_sequence, open_detection
from magicpose_core.pose.detectors.settings import DetectorSettings

from .clip_fixtures import write_pictures, write_video
from .tiny_networks import write_dwpose

pytest.importorskip("onnxruntime", reason="needs onnxruntime")


@pytest.fixture
def dwpose(tmp_path: Path) -> DetectorSettings:
    return DetectorSettings(weights=(write_dwpose(tmp_path / "weights"),), device="cpu")


def test_people_are_found_frame_by_frame(tmp_path: Path, dwpose: DetectorSettings) -> None:
    clip = write_video(tmp_path / "clip.mp4", "x.xx")
    opened, counted = [], []
    sequence = detect_sequence(clip, dwpose, on_open=opened.append, on_frame=counted.append)
    assert [len(people) for people in sequence.frames] == [1, 0, 1, 1]
    assert (sequence.width, sequence.height, sequence.fps) == (96, 128, 25)
    assert (len(opened), counted) == (1, [4] * 4)


def test_spans_choose_frames_and_slow_the_rate(tmp_path: Path, dwpose: DetectorSettings) -> None:
    clip = write_video(tmp_path / "clip.mp4", "x..x..x")
    sequence = detect_sequence(clip, dwpose, span=Span(start=0, stop=6, stride=3))
    assert [len(people) for people in sequence.frames] == [1, 1]
    assert sequence.fps == pytest.approx(25 / 3)


def test_pictures_count_as_thirty_a_second(tmp_path: Path, dwpose: DetectorSettings) -> None:
    assert detect_sequence(write_pictures(tmp_path / "f", "xx"), dwpose).fps == 30


def test_clips_of_nobody_are_refused(tmp_path: Path, dwpose: DetectorSettings) -> None:
    with pytest.raises(InputError, match="no person is found in any of the 3 frames"):
        detect_sequence(write_video(tmp_path / "clip.mp4", "..."), dwpose)


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, dwpose: DetectorSettings) -> None:
    clip, journal = write_video(tmp_path / "clip.mp4", "x.xxx"), tmp_path / "journal.jsonl"
    with open_detection(clip, dwpose, journal=journal) as detection:
        for _ in range(3):
            next(detection.frames)
    with journal.open("a") as journal_file:
        journal_file.write('{"people": [{"pose_keypo')  # killed in the middle of a line
    opened = []
    whole = detect_sequence(clip, dwpose)
    assert detect_sequence(clip, dwpose, journal=journal, on_open=opened.append) == whole
    assert len(opened) == 1
    blind = DetectorSettings(weights=())
    assert detect_sequence(clip, blind, journal=journal) == whole


@pytest.mark.parametrize("change", ["clip", "span", "garbage"])
def test_journals_of_other_work_are_not_believed(
    tmp_path: Path, dwpose: DetectorSettings, change: str
) -> None:
    clip, journal = write_video(tmp_path / "clip.mp4", "xxx"), tmp_path / "journal.jsonl"
    detect_sequence(clip, dwpose, journal=journal)
    span = Span()
    if change == "clip":
        write_video(clip, "xx.x")
    elif change == "span":
        span = Span(stride=2)
    else:
        journal.write_text("garbage\n")
    with pytest.raises(MissingDependencyError):
        detect_sequence(clip, DetectorSettings(weights=()), span=span, journal=journal)


def test_damaged_videos_are_told_of_by_frame(tmp_path: Path, dwpose: DetectorSettings) -> None:
    clip = write_video(tmp_path / "clip.mp4", "x" * 60)
    clip.write_bytes(clip.read_bytes()[:-400])
    with pytest.raises(InputError, match=r"clip\.mp4"):
        detect_sequence(clip, dwpose)
