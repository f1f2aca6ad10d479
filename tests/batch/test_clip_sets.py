"""Clips of a data set in the TikTok layout."""

import numpy as np
import pytest
from PIL import Image

from magicpose_core.batch.clip_sets import ClipSet, jobs_of, read_ids
from magicpose_core.batch.job import Job
from magicpose_core.clip_settings import Span
from magicpose_core.errors import InputError
from magicpose_core.poses import PoseSettings


def like(span=None):
    pose_settings = PoseSettings(span=span or Span())
    return Job(name="", reference=(), poses=None, out=None, pose_settings=pose_settings)


@pytest.fixture
def data(tmp_path):
    for subject in ("00334", "00335", "00336", "00337", "00338", "00339", "00340"):
        for folder in ("disco_test_set", "pose_map_disco_test_set"):
            place = tmp_path / folder / subject
            place.mkdir(parents=True)
            for frame in range(4):
                if (folder, subject, frame) != ("pose_map_disco_test_set", "00335", 2):
                    pixels = np.zeros((8, 8, 3), np.uint8)
                    Image.fromarray(pixels).save(place / f"{frame:04d}.png")
    return tmp_path


def test_the_first_frame_is_the_reference_and_the_others_keep_their_names(data, tmp_path):
    chosen = ClipSet(root=data, split="test", reading="released", ids=("00336",))
    (job,) = jobs_of(chosen, tmp_path / "out", like())
    assert job.reference == (data / "disco_test_set" / "00336" / "0000.png",)
    assert job.reference_frame == "0000"
    assert job.frame_names == ("0001", "0002", "0003")
    assert [path.name for path in job.source] == ["0001.png", "0002.png", "0003.png"]
    assert job.out == tmp_path / "out" / "00336"


def test_a_frame_without_a_map_is_left_out_and_shifts_none(data, tmp_path):
    chosen = ClipSet(root=data, split="test", reading="released", ids=("00335",))
    (job,) = jobs_of(chosen, tmp_path, like())
    assert job.frame_names == ("0001", "0003")
    assert job.pose_files == ("0001.png", "0003.png")


def test_a_span_chooses_frames_and_their_names_alike(data, tmp_path):
    chosen = ClipSet(root=data, split="test", reading="released", ids=("00336",))
    (job,) = jobs_of(chosen, tmp_path, like(Span(stride=2)))
    assert job.frame_names == ("0001", "0003")
    assert job.pose_files == ("0001.png", "0003.png")
    assert job.pose_settings.span == Span()


def test_readings_choose_their_subjects(data, tmp_path):
    released = jobs_of(ClipSet(root=data, split="test", reading="released"), tmp_path, like())
    numbered = jobs_of(ClipSet(root=data, split="test", reading="335-340"), tmp_path, like())
    assert len(released) == 7
    assert [job.name for job in numbered] == [f"00{number}" for number in range(335, 341)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"split": "test"}, "reading must say what the test set is"),
        ({"split": "val", "reading": "released"}, "reading belongs to the split test"),
        ({"split": "test", "reading": "disco-list"}, "needs ids"),
    ],
)
def test_a_test_set_is_never_guessed(data, words, message):
    with pytest.raises(InputError, match=message):
        ClipSet(root=data, **words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"split": "val"}, "no folder .*val_set"),
        ({"split": "test", "reading": "released", "ids": ("9",)}, "no subject 9"),
    ],
)
def test_absent_clips_are_named(data, tmp_path, words, message):
    with pytest.raises(InputError, match=message):
        jobs_of(ClipSet(root=data, **words), tmp_path, like())


def test_an_absent_number_is_named(data, tmp_path):
    for folder in ("disco_test_set", "pose_map_disco_test_set"):
        (data / folder / "00338").rename(data / folder / "x")
    with pytest.raises(InputError, match="subjects 338 are absent"):
        jobs_of(ClipSet(root=data, split="test", reading="335-340"), tmp_path, like())


def test_ids_are_read_from_words_of_any_length_and_from_files(tmp_path):
    assert read_ids("") == ()
    assert read_ids(" 335, 336,") == ("335", "336")
    many = tuple(f"{number:05d}" for number in range(100))  # longer than a name of a file
    assert read_ids(",".join(many)) == many
    (tmp_path / "list.txt").write_text("335\n336 337\n")
    assert read_ids(str(tmp_path / "list.txt")) == ("335", "336", "337")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"list\.txt is no list of names"):
        read_ids(str(tmp_path / "list.txt"))
