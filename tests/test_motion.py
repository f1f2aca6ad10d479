"""A whole clip with a motion module, through the front door and its parts."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from magicpose_core import load_pipeline
from magicpose_core.cli.__main__ import main
from magicpose_core.errors import InputError
from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.models.motion import MotionUNet
from magicpose_core.models.motion_plan import MotionShape
from magicpose_core.rendering import render, sample_clip
from magicpose_core.sampling.settings import SamplingSettings
from magicpose_core.weights.loading import load_models
from magicpose_core.weights.settings import ModelFiles

from .motion_files import random_module, save_original

QUICK = SamplingSettings(steps=2, seed=3, window_length=4, window_overlap=2, shared_noise=0.5)
HEADS = {"heads": 4, "text_heads": 2}


@pytest.fixture(scope="module")
def shape(micro_models):
    unet = micro_models.denoiser.unet.shape
    return MotionShape(channels=unet.channels, resnets=unet.resnets)


@pytest.fixture(scope="module")
def motion_file(shape, tmp_path_factory):
    return save_original(random_module(shape), tmp_path_factory.mktemp("motion") / "mm.safetensors")


@pytest.fixture(scope="module")
def models(micro_checkpoint, motion_file):
    return load_models(ModelFiles(checkpoint=micro_checkpoint, motion_module=motion_file, **HEADS))


@pytest.fixture(scope="module")
def reference():
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def pose_maps():
    return np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), dtype=np.uint8)


def test_a_module_without_output_renders_the_frames_of_the_plain_model(
    micro_models, shape, reference, pose_maps
):
    module = random_module(shape)
    for name, parameter in module.named_parameters():
        if ".proj_out." in name:
            parameter.zero_()
    plain = micro_models.denoiser
    silent = dataclasses.replace(
        micro_models,
        denoiser=MagicPoseDenoiser(MotionUNet(plain.unet, module), plain.appearance, plain.pose),
    )
    settings = SamplingSettings(steps=2, shared_noise=0)
    frames = list(render(silent, reference, pose_maps[:3], settings))
    alone = list(render(micro_models, reference, pose_maps[:3], settings))
    assert (torch.stack(frames) - torch.stack(alone)).abs().max() < 1e-5


def test_both_halves_of_guidance_see_the_module(models, micro_models, reference, pose_maps):
    """At scale 0 the result is the unconditional half's alone."""
    settings = SamplingSettings(steps=2, guidance_scale=0, shared_noise=0)
    with_module = sample_clip(models, reference, pose_maps[:3], settings)
    without = sample_clip(micro_models, reference, pose_maps[:3], settings)
    assert (with_module - without).abs().max() > 1e-3


def test_windows_agree_with_the_clip_cut_by_hand(models, reference, pose_maps):
    """One step: the mean of both windows' predictions, the windows rendered apart."""
    settings = dataclasses.replace(QUICK, steps=1, shared_noise=1.0)
    whole = sample_clip(models, reference, pose_maps, settings)
    parts = [
        sample_clip(models, reference, pose_maps[start : start + 4], settings) for start in (0, 2)
    ]
    assert torch.allclose(whole[:2], parts[0][:2], atol=1e-4)
    assert torch.allclose(whole[4:], parts[1][2:], atol=1e-4)
    assert torch.allclose(whole[2:4], (parts[0][2:] + parts[1][:2]) / 2, atol=1e-4)


def test_settings_that_do_nothing_are_refused(models, micro_models, reference, pose_maps):
    with pytest.raises(InputError, match="window_length does nothing without a motion module"):
        render(micro_models, reference, pose_maps, QUICK)
    with pytest.raises(InputError, match="frames_per_batch does nothing with a motion module"):
        render(models, reference, pose_maps, SamplingSettings(frames_per_batch=2))
    people = reference.expand(len(pose_maps), -1, -1, -1)
    with pytest.raises(InputError, match="reference_per_frame shows another picture's person"):
        render(models, people, pose_maps, SamplingSettings(), reference_per_frame=True)
    with pytest.raises(InputError, match="window_length must be at most 32"):
        render(models, reference, pose_maps, SamplingSettings(window_length=33))


def test_the_front_door_takes_a_module_and_says_so(demo_module, tmp_path):
    reference = np.full((64, 64, 3), 128, np.uint8)
    maps = np.zeros((3, 64, 64, 3), np.uint8)
    pipeline = load_pipeline(motion_module=demo_module, device="cpu", dtype="fp32")
    settings = SamplingSettings(steps=1, guidance_scale=1)
    clip = pipeline.render(reference, maps, size=(64, 64), settings=settings)
    assert clip.settings["models"]["motion_module"] == str(demo_module)
    assert len(list(clip)) == 3


def test_the_option_takes_a_module(demo_module, tmp_path, capsys):
    picture = tmp_path / "person.png"
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(picture)
    (tmp_path / "maps").mkdir()
    for index in range(2):
        picture_of = Image.fromarray(np.zeros((64, 64, 3), np.uint8))
        picture_of.save(tmp_path / "maps" / f"{index}.png")
    words = ["generate", "--reference", str(picture), "--poses", str(tmp_path / "maps")]
    words += ["--size", "64", "--steps", "1", "--dtype", "fp32", "--device", "cpu"]
    out = tmp_path / "clip.mp4"
    assert main([*words, "--out", str(out), "--window-length", "8"]) == 2
    assert "--window-length does nothing without a motion module; name one (--motion)" in (
        capsys.readouterr().err
    )
    assert main([*words, "--out", str(out), "--motion", str(demo_module)]) == 0
    told = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["models"]["motion_module"] == str(demo_module)


@pytest.fixture(scope="module")
def demo_module(tmp_path_factory):
    shape = MotionShape(channels=(64, 64, 128, 128))
    return save_original(random_module(shape), tmp_path_factory.mktemp("demo") / "mm.safetensors")


def test_a_module_for_another_model_is_refused(micro_checkpoint, demo_module):
    files = ModelFiles(checkpoint=micro_checkpoint, motion_module=demo_module, **HEADS)
    with pytest.raises(InputError, match=r"is for a U-Net of channels \[64, 64, 128, 128\]"):
        load_models(files)


def test_a_module_in_the_checkpoint_takes_part_where_it_is_named(
    micro_state, motion_file, tmp_path
):
    both = tmp_path / "both.safetensors"
    state = {key: value.contiguous() for key, value in micro_state.items()}
    save_file({**state, **load_file(motion_file)}, both)
    assert load_models(ModelFiles(checkpoint=both, **HEADS)).denoiser.motion is None
    named = load_models(ModelFiles(checkpoint=both, motion_module=both, **HEADS))
    assert named.denoiser.motion is not None
