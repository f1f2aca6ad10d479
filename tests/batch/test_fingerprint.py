"""What a clip depends on, and what it does not."""

import os
from dataclasses import replace

import pytest

from magicpose_core.batch.fingerprint import (
    Conditions,
    differences,
    fingerprint,
    mark_inputs,
    settings_of_job,
    weight_marks,
)
from magicpose_core.batch.job import Job, by_reference
from magicpose_core.errors import InputError
from magicpose_core.sampling.settings import SamplingSettings
from magicpose_core.weights.settings import ModelFiles

CONDITIONS = Conditions(weights={"checkpoint": "ab"}, dtype="fp32", device="cpu", threads=1)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "person.png").write_bytes(b"person")
    (tmp_path / "poses").mkdir()
    for name in ("1.png", "2.png"):
        (tmp_path / "poses" / name).write_bytes(name.encode())
    return Job(
        name="a",
        reference=(tmp_path / "person.png",),
        poses=tmp_path / "poses",
        out=tmp_path / "out" / "a",
    )


def print_of(job, conditions=CONDITIONS, noted=()):
    settings = settings_of_job(job, size=(64, 64), noted=dict(noted))
    return fingerprint(conditions, settings, mark_inputs(job))


def test_a_fingerprint_is_the_same_again_and_elsewhere(job, tmp_path):
    before = print_of(job)
    assert print_of(job) == before
    (tmp_path / "poses").rename(tmp_path / "elsewhere")
    moved = replace(job, poses=tmp_path / "elsewhere", out=tmp_path / "b", name="b")
    assert print_of(moved) == before


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": SamplingSettings(steps=3)},
        {"sampling": SamplingSettings(seed=1)},
        {"sampling": SamplingSettings(frames_per_batch=2)},
        {"size": (128, 64)},
        {"fit": "pad"},
        {"prompt": "dancing"},
        {"frame_names": ("x", "y")},
    ],
)
def test_every_setting_of_the_picture_counts(job, change):
    assert print_of(replace(job, **change)) != print_of(job)


@pytest.mark.parametrize(
    "change", [{"dtype": "bf16"}, {"device": "cuda"}, {"threads": 2}, {"weights": {}}]
)
def test_every_condition_counts(job, change):
    assert print_of(job, replace(CONDITIONS, **change)) != print_of(job)


def test_memory_alone_does_not_count(job):
    cached = replace(job, sampling=SamplingSettings(hint_cache_mb=1))
    assert print_of(cached) == print_of(job)


def test_what_the_model_notes_counts_as_if_it_were_given(job):
    given = replace(job, sampling=SamplingSettings(steps=20))
    assert print_of(job, noted={"steps": 20}.items()) == print_of(given)


def test_the_content_of_inputs_counts_and_their_age_does_not(job):
    before = print_of(job)
    os.utime(job.reference[0], (1, 1))
    assert print_of(job) == before
    (job.poses / "2.png").write_bytes(b"other")
    assert print_of(job) != before


def test_a_known_file_is_not_read_again(job):
    marks = mark_inputs(job)
    state = job.reference[0].stat()
    job.reference[0].write_bytes(b"PERSON")  # of the same size
    os.utime(job.reference[0], ns=(state.st_atime_ns, state.st_mtime_ns))
    assert mark_inputs(job, marks) == marks
    assert mark_inputs(job) != marks


def test_an_absent_input_is_named(job):
    with pytest.raises(InputError, match=r"nothing is at .*gone\.png"):
        mark_inputs(replace(job, reference=(job.poses / "gone.png",)))


def test_weights_are_known_by_their_content(tmp_path):
    for name in ("a.safetensors", "b.safetensors"):
        (tmp_path / name).write_bytes(b"weights")
    first = weight_marks(ModelFiles(checkpoint=tmp_path / "a.safetensors", heads=4))
    assert first == weight_marks(ModelFiles(checkpoint=tmp_path / "b.safetensors", heads=4))
    (tmp_path / "b.safetensors").write_bytes(b"WEIGHTS")
    assert first != weight_marks(ModelFiles(checkpoint=tmp_path / "b.safetensors", heads=4))


def test_differences_name_place_and_both_values():
    before = {"sampling": {"steps": 20, "seed": 1}, "threads": 1}
    now = {"sampling": {"steps": 50, "seed": 1}, "threads": 1}
    assert differences(before, now) == ["sampling.steps was 20, is 50"]
    assert differences(before, before) == []


def test_jobs_of_one_reference_follow_each_other(job, tmp_path):
    others = [
        replace(job, name=n, reference=(tmp_path / r,)) for n, r in zip("abcd", "xyxz", strict=True)
    ]
    assert [one.name for one in by_reference(others)] == ["a", "c", "b", "d"]
