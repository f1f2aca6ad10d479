"""Clips that ``generate`` renders, and the settings beside them."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from magicpose_core.cli.__main__ import main
from magicpose_core.data.dancers.clips import clip_postures, dancer_frame
from magicpose_core.data.dancers.person import draw_dancer
from magicpose_core.images import read_image
from magicpose_core.pose.formats.pose_files import write_poses
from magicpose_core.pose.keypoints import PoseSequence
from magicpose_core.sampling.presets import presets


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


def test_presets_take_their_steps_and_what_is_given_wins(inputs, words):
    place = words.index("--steps")
    without_steps = [*words[:place], *words[place + 2 :]]
    out = inputs / "clip.mp4"
    given = ("--preset", "draft", "--steps", "3")
    assert main([*without_steps, *given, "--out", str(out)]) == 0
    sampling = json.loads(out.with_suffix(".json").read_text())["sampling"]
    assert (sampling["preset"], sampling["steps"]) == ("draft", 3)
    assert sampling["scheduler"] == presets()["draft"]["scheduler"]
