"""Clips of frames in a row, their noise, timesteps and draws."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from magicpose_core.data.dancers.subjects import dancer_subjects
from magicpose_core.data.tiktok import tiktok_subjects
from magicpose_core.errors import InputError
from magicpose_core.images import write_image
from magicpose_core.training.clip_batches import (
    clip_batch,
    clip_starts,
    lowest_timesteps,
    validation_clips,
)
from magicpose_core.training.config import ObjectiveConfig


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
