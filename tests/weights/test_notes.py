"""What a model's file says of itself."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from magicpose_core.demo.model import DEMO_MOTION, demo_checkpoint
from magicpose_core.errors import CheckpointError, InputError
from magicpose_core.sampling.settings import SamplingSettings
from magicpose_core.weights.checkpoint import Checkpoint, open_checkpoint
from magicpose_core.weights.convert import DTYPES, convert
from magicpose_core.weights.loading import load_models
from magicpose_core.weights.notes import (
    NOTE_KEY,
    ModelNote,
    load_note,
    parse_note,
    read_note,
    unite_notes,
    write_note,
)
from magicpose_core.weights.settings import ModelFiles

NOTE = ModelNote(
    kind="drawn cats of 64 pixels",
    drawn=True,
    size=(64, 128),
    steps=20,
    guidance_scale=2.5,
    scheduler="ddim",
    betas=(0.001, 0.02),
    one_noise=True,
)


def unread(key: str) -> torch.Tensor:
    raise AssertionError(key)


def noted(text: str) -> Checkpoint:
    return Checkpoint(Path("absent.safetensors"), {}, unread, {NOTE_KEY: text})


@pytest.mark.parametrize("note", [NOTE, ModelNote(), ModelNote(steps=7)])
def test_a_note_comes_back_as_it_was_written(note):
    assert read_note(noted(write_note(note))) == note


def test_what_is_not_said_is_not_written():
    assert json.loads(write_note(ModelNote(steps=7))) == {"steps": 7}
    assert read_note(Checkpoint(Path("absent.safetensors"), {}, unread)) is None


def test_sampling_settings_are_named_as_in_sampling():
    assert NOTE.sampling() == {"steps": 20, "guidance_scale": 2.5, "scheduler": "ddim"}
    assert ModelNote(kind="cats").sampling() == {}


def test_it_is_said_in_one_line():
    assert str(NOTE) == "drawn cats of 64 pixels; size 64x128, steps 20, guidance 2.5, ddim"
    assert str(ModelNote(size=(128, 128), guidance_scale=2.0)) == "size 128, guidance 2"
    assert str(ModelNote()) == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([1], "a note is an object of .*drawn"),
        ({"sise": 3}, "got sise"),
        ({"steps": "20"}, "steps must be a whole number, got '20'"),
        ({"steps": True}, "steps must be a whole number, got True"),
        ({"steps": 0}, "steps must be in 1..999, got 0"),
        ({"size": 128}, "size must be a list of two numbers, got 128"),
        ({"size": [100, 128]}, "size must be multiples of 64, got 100x128"),
        ({"guidance_scale": -1}, "guidance_scale must be 0 or more, got -1"),
        ({"betas": [0.5, 0.1]}, "betas must rise within 0..1"),
        ({"one_noise": 1}, "one_noise must be true or false, got 1"),
        ({"drawn": 1}, "drawn must be true or false, got 1"),
        ({"kind": 3}, "kind must be a text, got 3"),
    ],
)
def test_wrong_notes_are_told(content, text):
    with pytest.raises(InputError, match=text):
        parse_note(content)
    with pytest.raises(CheckpointError, match="convert the file with another note"):
        read_note(noted(json.dumps(content)))


def test_a_file_that_is_no_note_is_told(tmp_path):
    with pytest.raises(InputError, match="no note at"):
        load_note(tmp_path / "absent.json")
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(InputError, match="is no JSON file"):
        load_note(tmp_path / "torn.json")


def test_converting_writes_a_note_and_keeps_one(micro_checkpoint, tmp_path):
    (written,) = convert(
        [micro_checkpoint], tmp_path / "noted.safetensors", dtype=DTYPES["fp32"], note=NOTE
    )
    assert read_note(open_checkpoint(written)) == NOTE
    (again,) = convert([written], tmp_path / "again.safetensors", dtype=DTYPES["fp16"])
    assert read_note(open_checkpoint(again)) == NOTE
    (changed,) = convert(
        [written], tmp_path / "changed.safetensors", dtype=DTYPES["fp16"], note=ModelNote(steps=3)
    )
    assert read_note(open_checkpoint(changed)) == ModelNote(steps=3)


def test_a_note_beside_a_file_counts_before_the_files_own(tmp_path):
    (tmp_path / "model.note.json").write_text('{"steps": 9}')
    copy = tmp_path / "model.safetensors"
    shutil.copyfile(demo_checkpoint(), copy)
    assert read_note(open_checkpoint(demo_checkpoint())).steps == 20
    assert read_note(open_checkpoint(copy)) == ModelNote(steps=9)


def test_a_note_may_lie_beside_a_file_that_holds_none(micro_checkpoint, tmp_path):
    copy = tmp_path / f"model{micro_checkpoint.suffix}"
    shutil.copyfile(micro_checkpoint, copy)
    assert read_note(open_checkpoint(copy)) is None
    (tmp_path / "model.note.json").write_text('{"steps": 9}')
    assert read_note(open_checkpoint(copy)) == ModelNote(steps=9)
    (tmp_path / "model.note.json").write_text('{"steps": 0}')
    with pytest.raises(CheckpointError, match=r"the note of model.* cannot be read"):
        read_note(open_checkpoint(copy))


def test_a_loaded_model_fills_in_what_nobody_chose(micro_checkpoint, tmp_path):
    out = tmp_path / "a.safetensors"
    (path,) = convert([micro_checkpoint], out, dtype=DTYPES["fp32"], note=NOTE)
    models = load_models(ModelFiles(checkpoint=path))
    assert models.note == NOTE
    complete = SamplingSettings(steps=5).complete(models.noted_sampling)
    assert (complete.steps, complete.guidance_scale, complete.scheduler) == (5, 2.5, "ddim")
    plain = load_models(ModelFiles(checkpoint=micro_checkpoint))
    paper = SamplingSettings(steps=5).complete(plain.noted_sampling)
    assert (paper.steps, paper.guidance_scale, paper.scheduler) == (5, 7.0, "ddim")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"steps": ' + b"9" * 400 + b"}", b"\xff"])
def test_hostile_notes_are_refused_by_name(tmp_path, content):
    path = tmp_path / "hostile.note.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_note(path)


def test_a_number_beyond_all_floats_is_refused(tmp_path):
    path = tmp_path / "note.json"
    path.write_text('{"betas": [0.1, ' + "9" * 400 + "]}")
    with pytest.raises(InputError, match=r"betas must rise within 0\.\.1"):
        load_note(path)


@pytest.mark.posix
def test_a_pipe_is_no_note(tmp_path):
    os.mkfifo(tmp_path / "note.json")
    with pytest.raises(InputError, match="a named pipe"):
        load_note(tmp_path / "note.json")


@pytest.mark.parametrize("swapped", [False, True])
def test_one_file_of_two_says_what_both_say(tmp_path, swapped):
    sources = [demo_checkpoint(), DEMO_MOTION]
    whole = tmp_path / "whole.safetensors"
    convert(sources[::-1] if swapped else sources, whole, dtype=torch.float16)
    models = load_models(ModelFiles(checkpoint=whole, motion_module=whole))
    assert models.motion_note is not None
    assert models.motion_note.one_noise
    assert (
        models.noted_sampling
        == load_models(ModelFiles(checkpoint=demo_checkpoint())).noted_sampling
    )


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ('{"steps": 7}', '{"steps": 8, "drawn": true}', {"steps": 7, "drawn": True}),
        ('{"steps": 7}', "{", {"steps": 7}),
        ('{"steps": 7}', "[1]", {"steps": 7}),
    ],
)
def test_the_first_word_counts(first, second, both):
    assert json.loads(unite_notes(first, second)) == both


def test_a_motion_module_has_a_note_of_its_own():
    files = ModelFiles(checkpoint=demo_checkpoint(), motion_module=DEMO_MOTION)
    models = load_models(files)
    assert models.motion_note == ModelNote(one_noise=True)
    assert models.note == read_note(open_checkpoint(demo_checkpoint()))
    assert load_models(ModelFiles(checkpoint=demo_checkpoint())).motion_note is None
