"""What ``generate`` refuses, replaces never, and leaves as it was."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import save_file

from magicpose_core.cli.__main__ import main
from magicpose_core.data.dancers.clips import clip_postures, dancer_frame
from magicpose_core.data.dancers.person import draw_dancer
from magicpose_core.pose.formats.pose_files import write_poses
from magicpose_core.pose.keypoints import PoseSequence


def test_the_true_frames_are_never_replaced(inputs, words, capsys):
    clip = inputs / "truth.mp4"
    assert main([*words, "--out", str(clip)]) == 0
    before = clip.read_bytes()
    assert main([*words, "--truth", str(clip), "--out", str(clip), "--force"]) == 2
    assert "is an input and would be replaced" in capsys.readouterr().err
    assert clip.read_bytes() == before


def test_too_few_true_frames_are_told_before_anything_is_rendered(inputs, words, capsys):
    (inputs / "truth").mkdir()
    (inputs / "poses" / "0.png").rename(inputs / "truth" / "0.png")
    out = inputs / "clip.mp4"
    assert main([*words, "--out", str(out), "--truth", str(inputs / "truth")]) == 2
    assert "holds 1 frames and there are 2 poses" in capsys.readouterr().err
    assert not out.exists()


def test_maps_cannot_be_aligned_and_a_picture_is_no_map(inputs, words, capsys):
    align = ["--align", str(inputs / "person.json"), "--out", str(inputs / "out")]
    dancer = draw_dancer(1, "heldout")
    pose = dancer_frame(dancer, clip_postures(1, 1)[0], 64).pose
    sequence = PoseSequence(frames=((pose,),), width=128, height=128, fps=10)
    write_poses(inputs / "person.json", sequence)
    assert main([*words, *align]) == 2
    assert "pose maps are drawings and cannot be aligned" in capsys.readouterr().err
    words[words.index("--poses") + 1] = str(inputs / "person.png")
    assert main([*words, "--out", str(inputs / "out")]) == 2
    assert "shows a picture, not a pose map" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"--reference": "absent.png"}, "no picture at"),
        ({"--poses": "absent"}, "absent"),
        ({"--size": "100"}, "multiples of 64, got 100 x 100"),
        ({"--size": "big"}, "512x768"),
        ({"--size": "64x640000"}, "8192 pixels at most, got 64 x 640000"),
        ({"--steps": "0"}, "1..999, got 0"),
        ({"--fps": "nan"}, "--fps must be a number in 0.01..1000, got nan"),
        ({"--scheduler": "lcm", "--steps": "51"}, "1..50 for lcm, got 51"),
        ({"--eta": "2"}, "in 0..1, got 2"),
        ({"--prompt": "a dancer"}, "needs --tokenizer"),
        ({"--checkpoint": "absent.th"}, "no weight file at"),
        ({"--device": "abacus"}, "no device 'abacus'"),
        ({"--out": "clip.avi"}, "NAME.mp4 or a folder"),
    ],
)
def test_bad_words_give_one_line_and_leave_nothing(inputs, words, capsys, change, text):
    out = inputs / "out" / "clip.mp4"
    extra = [word for pair in ({"--out": str(out)} | change).items() for word in pair]
    assert main([*words, *extra]) == 2
    error = capsys.readouterr().err
    assert error.startswith("magicpose generate: ")
    assert error.count("\n") == 1
    assert text in error
    assert not out.parent.exists() or not any(out.parent.iterdir())


@pytest.mark.parametrize(
    "option", ["--frames", "--stride", "--frames-per-batch", "--heads", "--text-heads"]
)
def test_numbers_of_things_are_at_least_1(words, capsys, option):
    try:
        code = main([*words, "--out", "clip.mp4", option, "0"])
    except SystemExit as ended:  # options that are no settings are checked by argparse
        code = ended.code
    assert code == 2
    message = rf"{option}:? must be (at least 1|a whole number of 1 or more), got 0"
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.sheet.png", "clip.json"])
def test_a_result_that_is_there_is_not_replaced_unasked(inputs, words, capsys, name):
    (inputs / name).write_bytes(b"precious")
    assert main([*words, "--out", str(inputs / "clip.mp4")]) == 2
    assert f"{name} is there already" in capsys.readouterr().err
    assert (inputs / name).read_bytes() == b"precious"


def test_keypoints_are_not_replaced_by_the_settings_of_their_name(inputs, words, capsys):
    (inputs / "walk.json").write_bytes(b"precious")
    words[words.index("--poses") + 1] = str(inputs / "walk.json")
    assert main([*words, "--out", str(inputs / "walk.mp4"), "--force"]) == 2
    assert "walk.json is an input and would be replaced" in capsys.readouterr().err
    assert (inputs / "walk.json").read_bytes() == b"precious"


def test_running_out_of_memory_says_what_to_lower(inputs, words, capsys, monkeypatch):
    def hungry(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr("magicpose_core.pipeline.sample_clip", hungry)
    assert main([*words, "--out", str(inputs / "out" / "clip.mp4")]) == 1
    assert "lower --frames-per-batch or size" in capsys.readouterr().err
    assert not list((inputs / "out").glob("*"))


@pytest.mark.posix
def test_ctrl_c_leaves_nothing_half_written(inputs, words):
    out = inputs / "out" / "clip.mp4"
    command = [sys.executable, "-m", "magicpose_core.cli", *words, "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--steps", "500"],
        stderr=subprocess.PIPE,
        env={**os.environ},
        # a test run in the background of a shell hands Ctrl-C down as ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    seen = b""
    deadline = time.monotonic() + 60
    while b"/500" not in seen and time.monotonic() < deadline:
        seen += process.stderr.read(32)
    process.send_signal(signal.SIGINT)
    error = process.stderr.read().decode()
    assert process.wait(timeout=30) == 130
    assert "nothing half-written" in error
    assert not out.parent.exists() or not any(out.parent.iterdir())


def test_a_lora_that_does_not_fit_is_told_before_anything_is_loaded(inputs, words, capsys):
    save_file({"lora_unet_x.lora_up.weight": torch.ones(4, 2)}, inputs / "other.safetensors")
    lora = ("--lora", str(inputs / "other.safetensors"))
    assert main([*words, *lora, "--out", str(inputs / "clip.mp4")]) == 2
    assert "other.safetensors does not fit the U-Net" in capsys.readouterr().err
    assert not (inputs / "clip.mp4").exists()


@pytest.mark.parametrize("word", ["a:1000", "a:nan"])
def test_a_strength_out_of_range_is_refused(inputs, words, capsys, word):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--lora", word, "--out", str(inputs / "clip.mp4")])
    assert ended.value.code == 2
    assert "strength must be a number in -100..100" in capsys.readouterr().err
