"""Stage 3 on a tiny model: what it trains, from which clips, and that its export loads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from magicpose_core.data.dancers.subjects import dancer_subjects
from magicpose_core.data.tiktok import tiktok_subjects
from magicpose_core.errors import InputError
from magicpose_core.images import write_image
from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.models.motion import MotionUNet
from magicpose_core.sampling.schedules import alphas_cumprod, remove_noise
from magicpose_core.training.clip_batches import (
    clip_batch,
    clip_starts,
    lowest_timesteps,
    validation_clips,
)
from magicpose_core.training.clip_objective import ClipObjective, error_changes
from magicpose_core.training.clip_task import _validate
from magicpose_core.training.config import ObjectiveConfig, StartConfig
from magicpose_core.training.fresh import fresh_denoiser, fresh_motion, fresh_text
from magicpose_core.training.latents import LatentCache
from magicpose_core.training.run import train_stage
from magicpose_core.video.reader import open_clip
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import describe
from magicpose_core.weights.loading import load_models
from magicpose_core.weights.notes import ModelNote, read_note
from magicpose_core.weights.settings import ModelFiles

from .conftest import NETWORK


@pytest.fixture(scope="module")
def cache():
    rng = np.random.default_rng(0)
    return LatentCache(
        moments=rng.normal(size=(14, 8, 16, 16)).astype(np.float16),
        pose_maps=rng.integers(0, 255, (14, 128, 128, 3), dtype=np.uint8),
        names=("a", "b"),
        bounds=np.array([[0, 6], [6, 14]]),
        gaps=np.array([9]),
    )


def test_clips_lie_in_a_subject_and_cross_no_gap(cache):
    assert [starts.tolist() for starts in clip_starts(cache, 3)] == [[0, 1, 2, 3], [6, 9, 10, 11]]
    assert [starts.tolist() for starts in clip_starts(cache, 6)] == [[0], []]
    with pytest.raises(InputError, match=r"no subject has 7 frames in a row; lower data\.clip"):
        clip_starts(cache, 7)


def test_the_same_place_gives_the_same_clips(cache):
    draws = [clip_batch(cache, 3, 4, (1, 0, place), ObjectiveConfig()) for place in (5, 5, 6)]
    assert all(torch.equal(draws[0][key], draws[1][key]) for key in draws[0])
    assert not torch.equal(draws[0]["noise"], draws[2]["noise"])
    assert draws[0]["latents"].shape == (3, 4, 4, 16, 16)
    assert draws[0]["pose_maps"].shape == (3, 4, 3, 128, 128)
    assert draws[0]["timesteps"].shape == draws[0]["plain"].shape == (3,)


def test_the_mixture_of_noises_is_sampled(cache):
    config = ObjectiveConfig(one_noise_share=0.5, plain_clips=0.25)
    batch = clip_batch(cache, 200, 3, (1, 0, 0), config)
    first, second = batch["noise"][:, 0].flatten(1), batch["noise"][:, 1].flatten(1)
    shares = torch.nn.functional.cosine_similarity(first, second)
    one = shares > 0.999
    assert 0.4 < one.float().mean() < 0.6
    assert shares[~one].min() + 0.2 > 0.1
    assert shares[~one].std() > 0.2  # all parts, not some
    assert abs(float(batch["noise"].var()) - 1) < 0.02
    assert 0.15 < batch["plain"].float().mean() < 0.35


def test_a_clips_posterior_has_one_draw(cache):
    """Where frames have the same moments their latents must be the same."""
    same = replace(cache, moments=np.repeat(cache.moments[:1], 14, axis=0))
    latents = clip_batch(same, 2, 3, (0, 0, 0), ObjectiveConfig())["latents"]
    assert torch.equal(latents[:, 0], latents[:, 1])


def test_dancers_move_evenly_in_clips():
    (moving,) = dancer_subjects("train", 1, 24, 64, moving=True)
    frames = np.stack([frame.picture.astype(int) for frame in moving.frames()])
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    (free,) = dancer_subjects("train", 1, 24, 64)
    jumps = np.abs(np.diff([f.picture.astype(int) for f in free.frames()], axis=0)).mean()
    assert steps.max() < jumps
    assert moving.signature != free.signature


def test_videos_frames_have_one_crop_and_tell_their_gaps(tmp_path):
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for folder in ("train_set", "pose_map_train_set"):
        (tmp_path / folder / "anna").mkdir(parents=True)
        for number in range(4):
            image = torch.zeros_like(picture) if (folder, number) == ("train_set", 2) else picture
            write_image(tmp_path / folder / "anna" / f"{number}.png", image[0])
    (subject,) = tiktok_subjects(
        tmp_path, "train_set", size=64, near_uniform=0.8, seed=1, steady=True
    )
    frames = list(subject.frames())
    assert [(frame.name, frame.follows) for frame in frames] == [
        ("0", True),
        ("1", True),
        ("3", False),
    ]
    assert all(np.array_equal(frame.picture, frames[0].picture) for frame in frames)


@pytest.fixture(scope="module")
def objective():
    denoiser = fresh_denoiser(NETWORK, 0)
    motion = fresh_motion(NETWORK, denoiser.unet.shape, 0)
    whole = MagicPoseDenoiser(MotionUNet(denoiser.unet, motion), denoiser.appearance, denoiser.pose)
    text = fresh_text(NETWORK, 0).empty_prompt().detach()
    return ClipObjective(whole, text, ObjectiveConfig())


def test_only_the_module_learns_and_all_of_it(objective, cache):
    trained = {n for n, p in objective.named_parameters() if p.requires_grad}
    assert trained
    assert all("motion_modules" in name for name in trained)
    for name, parameter in objective.named_parameters():
        if ".proj_out." in name and parameter.requires_grad:
            torch.nn.init.normal_(parameter.data, std=0.1)  # zero at first: no gradient behind it
    batch = clip_batch(cache, 2, 3, (0, 0, 1), ObjectiveConfig(plain_clips=0.5))
    assert batch["plain"].any()
    assert not batch["plain"].all()
    objective(batch).backward()
    for name, parameter in objective.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        if parameter.grad is not None:
            assert parameter.grad.abs().max() > 0, name


def test_changes_of_errors_are_what_flickers():
    errors = torch.randn(2, 400, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    alike = errors[:, :1].expand_as(errors)
    torch.testing.assert_close(error_changes(errors), torch.ones(2), rtol=0.02, atol=0)
    torch.testing.assert_close(error_changes(alike), torch.zeros(2))
    torch.testing.assert_close(
        error_changes(alike + 0.5 * errors), torch.full((2,), 0.25), rtol=0.02, atol=0
    )


def test_what_flickers_is_weighed_on_top(objective, cache):
    batch = clip_batch(cache, 2, 3, (0, 0, 1), ObjectiveConfig(plain_clips=0.0))
    text, denoiser = objective.text, objective.denoiser
    losses = [
        float(ClipObjective(denoiser, text, ObjectiveConfig(changes=weight))(batch).detach())
        for weight in (0.0, 1.0, 3.0)
    ]
    assert losses[0] < losses[1]
    assert abs((losses[2] - losses[0]) / (losses[1] - losses[0]) - 3) < 1e-3


def own_clips(cache, count, seed=1):
    config = ObjectiveConfig(one_noise_share=1.0, own_renderings=1.0)
    return clip_batch(cache, count, 3, (seed, 0, 0), config)


def guided_by(objective, scale):
    return ClipObjective(objective.denoiser, objective.text, ObjectiveConfig(), scale)


def test_a_rendering_begins_with_the_noise_alone(objective, cache):
    batch = own_clips(cache, 2)
    at_the_start = {**batch, "timesteps": torch.full((2,), 999)}
    assert torch.equal(guided_by(objective, 2.0).render(at_the_start), batch["noise"])


def test_a_rendering_is_ddim_down_to_the_clips_timestep(objective, cache):
    batch = {**own_clips(cache, 1), "timesteps": torch.tensor([700])}
    guided = guided_by(objective, 2.0)
    clips = batch["noise"]
    for at, following in ((999, 832), (832, 700)):  # steps of a sixth, and what is left
        noise = guided._guided(clips, torch.tensor([at]), batch)
        alpha, after = (float(alphas_cumprod()[step]) for step in (at, following))
        clean = remove_noise(clips, noise, alpha)
        clips = after**0.5 * clean + (1 - after) ** 0.5 * noise
    torch.testing.assert_close(guided.render(batch), clips, rtol=1e-4, atol=1e-4)


def test_each_clip_is_rendered_down_to_its_own_timestep(objective, cache):
    batch = {**own_clips(cache, 2), "timesteps": torch.tensor([400, 900])}
    guided = guided_by(objective, 1.0)
    together = guided.render(batch)
    for row in range(2):
        alone = guided.render({name: tensor[row : row + 1] for name, tensor in batch.items()})
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-4)


def test_guidance_steps_away_from_the_network_alone(objective, cache):
    batch = own_clips(cache, 1)
    clips, timesteps = batch["noise"], torch.tensor([500])
    controlled, twice = (
        guided_by(objective, scale)._guided(clips, timesteps, batch) for scale in (1.0, 2.0)
    )
    alone = objective._predict(clips, timesteps, batch, control=False)
    torch.testing.assert_close(twice - controlled, controlled - alone, rtol=1e-4, atol=1e-5)


def test_what_is_learned_from_renderings_is_the_truth(objective, cache):
    batch = {**own_clips(cache, 2), "timesteps": torch.tensor([500, 999])}
    loss = ClipObjective(
        objective.denoiser, objective.text, ObjectiveConfig(own_renderings=1.0, changes=2.0), 2.0
    )(batch)
    guided = guided_by(objective, 2.0)
    clips = guided.render(batch)
    noise = guided._guided(clips, batch["timesteps"], batch)
    expected = []
    for row, step in enumerate((500, 999)):
        alpha = float(alphas_cumprod()[step])
        wrong = remove_noise(clips[row], noise[row], alpha) - batch["latents"][row]
        flicker = wrong.diff(dim=0).square().mean() / 2
        weight = min(5.0, (alpha / (1 - alpha)) ** 0.5)
        expected.append(weight * (wrong.square().mean() + 2 * flicker))
    torch.testing.assert_close(loss, torch.stack(expected).mean(), rtol=1e-3, atol=0)
    loss.backward()
    assert any(parameter.grad is not None for parameter in objective.parameters())


def test_renderings_change_no_other_draw(cache):
    plain, own = (
        clip_batch(cache, 3, 4, (1, 0, 5), ObjectiveConfig(own_renderings=share))
        for share in (0.0, 1.0)
    )
    assert not plain["own"].any()
    assert own["own"].all()
    changed = ("own", "timesteps")
    assert all(torch.equal(plain[key], own[key]) for key in plain if key not in changed)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_renderings_are_spread_over_the_timesteps_and_rise(cache, share):
    config = ObjectiveConfig(own_renderings=share)
    seen = []
    for place in range(200):
        batch = clip_batch(cache, 4, 3, (1, 0, place), config)
        own = batch["timesteps"][batch["own"]].tolist()
        parts = pairwise([*lowest_timesteps(len(own)), 1000]) if own else ()
        assert all(low <= step < high for step, (low, high) in zip(own, parts, strict=True))
        seen += own
    assert len(seen) == 800 if share == 1 else 350 < len(seen) < 450
    assert abs(np.mean(seen) - 499.5) < 20
    assert abs(np.std(seen) - 1000 / 12**0.5) < 20


def test_validation_gives_each_heldout_person_one_fixed_clip(objective, cache):
    first, again = (validation_clips(cache, 3, 1, ObjectiveConfig()) for _ in range(2))
    assert len(first["noise"]) == 2
    assert not torch.equal(first["noise"][:, 0], first["noise"][:, 1])
    with torch.no_grad():
        assert torch.equal(objective.error(first), objective.error(again))


def test_who_knows_one_noise_alone_is_validated_with_it(cache):
    noise = validation_clips(cache, 3, 1, ObjectiveConfig(one_noise_share=1.0))["noise"]
    assert torch.equal(noise[:, 0], noise[:, 1])


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
