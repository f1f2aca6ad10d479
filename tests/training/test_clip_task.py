"""Stage 3 on a tiny model: its validation, and that its export loads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from magicpose_core.errors import InputError
from magicpose_core.training.clip_batches import (
    validation_clips,
)
from magicpose_core.training.clip_objective import ClipObjective
from magicpose_core.training.clip_task import _validate
from magicpose_core.training.config import ObjectiveConfig, StartConfig
from magicpose_core.training.run import train_stage
from magicpose_core.video.reader import open_clip
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import describe
from magicpose_core.weights.loading import load_models
from magicpose_core.weights.notes import ModelNote, read_note
from magicpose_core.weights.settings import ModelFiles

from .conftest import NETWORK


def test_what_learns_from_renderings_is_validated_on_them(objective, cache):
    """A clip at a time or all at once, and not by the error on the truth with noise."""
    config = ObjectiveConfig(own_renderings=1.0, one_noise_share=1.0, changes=2.0)
    own = ClipObjective(objective.denoiser, objective.text, config, 2.0)
    five = replace(
        cache, names=tuple("abcde"), bounds=np.array([[0, 3], [3, 6], [6, 9], [9, 12], [11, 14]])
    )
    fixed = validation_clips(five, 3, 1, config)
    with torch.no_grad():
        alone = [float(own({k: v[row : row + 1] for k, v in fixed.items()})) for row in range(5)]
        assert _validate(own, fixed) == pytest.approx(np.mean(alone), rel=1e-4)
        assert _validate(objective, fixed) != pytest.approx(np.mean(alone), rel=0.1)


@pytest.fixture(scope="module")
def stage3_config(base_config, tmp_path_factory):
    AcceleratorState._reset_state()
    base = train_stage("base", base_config)
    folder = tmp_path_factory.mktemp("stage3")
    return replace(
        base_config,
        output=folder / "run",
        data=replace(base_config.data, frames=4, clip=3, cache=folder / "cache"),
        start=StartConfig(checkpoint=base),
        optimizer=replace(base_config.optimizer, batch=1, ema=0.9),
        objective=ObjectiveConfig(),
        run=replace(base_config.run, steps=2, save_every=1, sample_every=2),
    )


def test_stage3_exports_a_module_that_the_front_door_takes(stage3_config):
    exported = train_stage("stage3", stage3_config)
    assert exported.name == "stage3.safetensors"
    assert describe(open_checkpoint(exported)).startswith("a motion module (AnimateDiff v2: 21")
    files = ModelFiles(checkpoint=stage3_config.start.checkpoint, motion_module=exported)
    assert load_models(files).denoiser.motion.positions == NETWORK.motion_positions
    moved = [k for k, v in load_file(exported).items() if ".proj_out." in k and v.abs().max() > 0]
    assert len(moved) == 42
    with open_clip(stage3_config.output / "samples" / "0000002.mp4") as clip:
        frames = list(clip.frames)
    assert len(frames) == 3
    assert frames[0].shape == (256, 256, 3)  # truth above result, two people


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_module_notes_that_it_knows_one_noise_alone(stage3_config, tmp_path, share):
    AcceleratorState._reset_state()
    config = replace(
        stage3_config,
        output=tmp_path / "run",
        objective=ObjectiveConfig(one_noise_share=share),
        run=replace(stage3_config.run, steps=1, sample_every=0),
    )
    note = read_note(open_checkpoint(train_stage("stage3", config)))
    assert note == (ModelNote(one_noise=True) if share == 1 else None)


def test_stage3_goes_on_with_the_same_losses_after_a_kill(stage3_config, tmp_path):
    whole = replace(stage3_config, output=tmp_path / "whole")
    losses: list[float] = []
    train_stage("stage3", whole, on_step=lambda step, loss: losses.append(loss))
    broken = replace(stage3_config, output=tmp_path / "broken")
    again: list[float] = []
    AcceleratorState._reset_state()
    script = (
        "import os, pickle, sys, signal\n"
        "from magicpose_core.training.run import train_stage\n"
        "config = pickle.load(open(sys.argv[1], 'rb'))\n"
        "def end(step, loss):\n"
        "    if step == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train_stage('stage3', config, on_step=end)\n"
    )
    import pickle

    pickled = tmp_path / "config.pickle"
    pickled.write_bytes(pickle.dumps(broken))
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    killed = subprocess.run(
        [sys.executable, "-c", script, str(pickled)],
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    train_stage("stage3", broken, on_step=lambda step, loss: again.append(loss))
    assert again == losses[1:]
    first, second = (load_file(c.output / "stage3.safetensors") for c in (whole, broken))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_stage3_wants_a_whole_model(stage3_config, tiny_vae_file):
    with pytest.raises(InputError, match=r"needs start\.checkpoint"):
        train_stage("stage3", replace(stage3_config, start=StartConfig(vae=tiny_vae_file)))
