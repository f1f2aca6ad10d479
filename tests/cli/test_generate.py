from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import wave

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from magicpose_core.cli.__main__ import main
from magicpose_core.data.dancers.clips import clip_postures, dancer_frame
from magicpose_core.data.dancers.person import draw_dancer
from magicpose_core.images import read_image, write_image
from magicpose_core.pose.formats.pose_files import write_poses
from magicpose_core.pose.keypoints import PoseSequence
from magicpose_core.sampling.presets import presets
from magicpose_core.video.writer import open_mp4


@pytest.fixture
def inputs(tmp_path):
    """A picture and three pose maps on disk."""
    generator = torch.Generator().manual_seed(0)
    write_image(tmp_path / "person.png", torch.rand(3, 80, 96, generator=generator))
    for index in range(3):
        pose_map = torch.zeros(3, 96, 72)
        pose_map[:, 20 + 10 * index : 60, 30:34] = torch.rand(3, 1, 1, generator=generator)
        write_image(tmp_path / "poses" / f"{index}.png", pose_map)
    return tmp_path


@pytest.fixture
def words(inputs, micro_checkpoint):
    return [
        "generate",
        *("--reference", str(inputs / "person.png")),
        *("--poses", str(inputs / "poses")),
        *("--checkpoint", str(micro_checkpoint)),
        *("--heads", "4", "--text-heads", "2"),
        *("--size", "64", "--steps", "2", "--device", "cpu", "--dtype", "fp32"),
    ]


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_clip_a_sheet_and_the_settings_are_written(inputs, words, capsys):
    out = inputs / "out" / "clip.mp4"
    assert main([*words, "--out", str(out), "--fps", "12"]) == 0
    frames = frames_of(out)
    assert [frame.shape for frame in frames] == [(64, 64, 3)] * 3
    assert read_image(out.with_suffix(".sheet.png")).shape[1] == 3
    settings = json.loads(out.with_suffix(".json").read_text())
    assert settings["sampling"]["seed"] == 42
    assert settings["sampling"]["guidance_scale"] == 7
    assert settings["poses"] == str(inputs / "poses")
    assert settings["reference"] == f"[{inputs / 'person.png'}]"
    assert settings["size"] == [64, 64]
    assert settings["models"]["heads"] == 4
    assert settings["dtype"] == "float32"
    assert settings["frames"] == 3
    assert settings["fps"] == 12
    assert sorted(p.name for p in out.parent.iterdir()) == [
        "clip.json",
        "clip.mp4",
        "clip.sheet.png",
    ]


@pytest.fixture
def loud_maps(inputs):
    """A video of pose maps with a second of sound: 4 frames, 4 a second."""
    recording = inputs / "noise.wav"
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.random.default_rng(0).bytes(2 * 16_000))
    path = inputs / "maps.mp4"
    with open_mp4(path, fps=4, sound=recording) as write:
        for index in range(4):
            write(np.full((64, 64, 3), 40 * index, np.uint8))
    return path


def sound_of(path):
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_sound_and_speed_of_the_dance_go_into_the_clip(inputs, words, loud_maps, capsys):
    words += ["--poses", str(loud_maps)]
    whole = inputs / "whole.mp4"
    assert main([*words, "--stride", "2", "--out", str(whole)]) == 0
    assert sound_of(whole) == sound_of(loud_maps)
    with av.open(str(whole)) as container:
        assert container.streams.video[0].average_rate == 2
    assert main([*words, "--no-audio", "--frames", "1", "--out", str(inputs / "b.mp4")]) == 0
    assert sound_of(inputs / "b.mp4") is None
    assert main([*words, "--fps", "8", "--frames", "1", "--out", str(inputs / "c.mp4")]) == 0
    assert "is left out: --fps changes the dance's speed" in capsys.readouterr().err
    assert sound_of(inputs / "c.mp4") is None


def test_the_sound_begins_with_the_first_frame_that_is_taken(inputs, words, loud_maps):
    maps = inputs / "dark.mp4"
    with open_mp4(maps, fps=4, sound=loud_maps) as write:
        for _ in range(4):
            write(np.zeros((64, 64, 3), np.uint8))
    words += ["--poses", str(maps)]
    out = inputs / "later.mp4"
    assert main([*words, "--start", "1", "--frames", "1", "--out", str(out)]) == 0
    dance, later = sound_of(maps), sound_of(out)
    first = dance.index(later[0])
    assert first == pytest.approx(len(dance) / 4, abs=2)  # of four frames
    assert later == dance[first : first + len(later)]


def test_another_file_gives_the_sound(inputs, words, loud_maps, capsys):
    out = ("--frames", "1", "--out", str(inputs / "clip.mp4"))
    assert main([*words, "--audio", str(loud_maps), *out]) == 0
    assert sound_of(inputs / "clip.mp4")[0] == sound_of(loud_maps)[0]
    assert main([*words, "--audio", str(inputs / "person.png"), "--force", *out]) == 2
    assert "person.png is no file with sound" in capsys.readouterr().err
    assert main([*words, "--audio", str(loud_maps), "--out", str(inputs / "folder")]) == 2
    assert "audio goes into an MP4 and" in capsys.readouterr().err


def test_true_frames_are_one_more_column_of_the_sheet(inputs, words):
    assert main([*words, "--out", str(inputs / "plain.mp4")]) == 0
    truth = ("--truth", str(inputs / "poses"))
    assert main([*words, "--out", str(inputs / "beside.mp4"), *truth]) == 0
    plain, beside = (read_image(inputs / f"{name}.sheet.png") for name in ("plain", "beside"))
    assert torch.equal(beside[..., 32:, : plain.shape[3]], plain[..., 32:, :])
    cell = (plain.shape[3] - 20) // 3
    shown = beside[..., plain.shape[3] :]
    assert shown.shape[3] == pytest.approx(cell, abs=8)
    assert shown[..., 32:, :].std() > 0


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


def test_png_frames_do_not_depend_on_frames_per_batch(inputs, words):
    pictures = []
    for batch in ("1", "3"):
        out = inputs / f"frames{batch}"
        assert main([*words, "--out", str(out), "--frames-per-batch", batch]) == 0
        pictures.append(np.stack([read_image(p).numpy() for p in sorted(out.glob("*.png"))]))
    assert pictures[0].shape[0] == 3
    assert np.abs(pictures[0] - pictures[1]).max() <= 1.5 / 255


def test_frames_and_stride_choose_poses(inputs, words):
    out = inputs / "strided"
    assert main([*words, "--out", str(out), "--frames", "2", "--stride", "2"]) == 0
    assert len(list(out.glob("*.png"))) == 2


def test_keypoints_are_smoothed_and_aligned_before_they_are_drawn(inputs, words):
    for name, person, count in (("driver", 0, 4), ("person", 1, 1)):
        dancer, postures = draw_dancer(person, "heldout"), clip_postures(person, count)
        people = tuple((dancer_frame(dancer, posture, 64).pose,) for posture in postures)
        sequence = PoseSequence(frames=people, width=128, height=128, fps=10)
        write_poses(inputs / f"{name}.json", sequence)
    words[words.index("--poses") + 1] = str(inputs / "driver.json")
    out = inputs / "aligned"
    extra = ["--smooth", "--align", str(inputs / "person.json"), "--out", str(out)]
    assert main([*words, *extra]) == 0
    assert len(list(out.glob("*.png"))) == 4
    settings = json.loads(out.with_suffix(".json").read_text())
    assert settings["pose_settings"]["align_to"].endswith("person.json")
    assert settings["pose_settings"]["align"]["strength"] == 1
    assert settings["pose_settings"]["smooth"]["filter"] == "savitzky-golay"
    assert settings["fps"] == 10


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


def test_the_settings_say_what_each_part_took_and_in_which_precision_and_why(inputs, words):
    out = inputs / "clip.mp4"
    assert main([*words, "--out", str(out)]) == 0
    settings = json.loads(out.with_suffix(".json").read_text())
    assert list(settings["seconds_by_part"]) == [
        "imports",
        "opening",
        "poses",
        "building",
        "reading",
        "reference",
        "sampling",
        "decoding",
    ]
    assert (settings["dtype"], settings["dtype_from"]) == ("float32", "named")
    assert settings["threads"] >= 1


def test_a_lora_and_its_strength_stand_in_the_settings_and_change_the_clip(
    inputs, words, micro_checkpoint
):
    layer = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_v"
    state = {
        f"{layer}.lora_up.weight": torch.ones(32, 2),
        f"{layer}.lora_down.weight": torch.ones(2, 32),
    }
    save_file(state, inputs / "style.safetensors")
    frames = []
    for name, more in (("plain", ()), ("style", ("--lora", f"{inputs / 'style.safetensors'}:0.5"))):
        out = inputs / f"{name}.mp4"
        assert main([*words, *more, "--out", str(out)]) == 0
        frames.append(frames_of(out))
    settings = json.loads((inputs / "style.json").read_text())
    assert settings["models"]["loras"] == [
        {"file": str(inputs / "style.safetensors"), "strength": 0.5}
    ]
    assert not np.array_equal(frames[0][0], frames[1][0])


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


def test_presets_take_their_steps_and_what_is_given_wins(inputs, words):
    place = words.index("--steps")
    without_steps = [*words[:place], *words[place + 2 :]]
    out = inputs / "clip.mp4"
    given = ("--preset", "draft", "--steps", "3")
    assert main([*without_steps, *given, "--out", str(out)]) == 0
    sampling = json.loads(out.with_suffix(".json").read_text())["sampling"]
    assert (sampling["preset"], sampling["steps"]) == ("draft", 3)
    assert sampling["scheduler"] == presets()["draft"]["scheduler"]
