"""Latents on disk and the batches drawn from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from magicpose_core.data.dancers.subjects import dancer_subjects
from magicpose_core.errors import InputError
from magicpose_core.images import from_uint8, unit_to_signed
from magicpose_core.models.sd15 import LATENT_SCALE
from magicpose_core.models.vae import encode
from magicpose_core.training.fresh import fresh_vae
from magicpose_core.training.latents import INDEX, LatentCache, fingerprint, open_cache
from magicpose_core.training.pairs import complete_pairs, draw_pairs, validation_batch

from .conftest import NETWORK

SIZE = 32


@pytest.fixture(scope="module")
def vae():
    return fresh_vae(NETWORK, 0)


@pytest.fixture(scope="module")
def subjects():
    return dancer_subjects("train", 5, 3, SIZE)


@pytest.fixture(scope="module")
def cache(vae, subjects, tmp_path_factory: pytest.TempPathFactory) -> LatentCache:
    return open_cache(tmp_path_factory.mktemp("cache") / "train", subjects, vae, SIZE)


def test_a_cache_holds_every_frame_of_every_subject(cache, subjects, vae):
    assert cache.moments.shape == (15, 8, 4, 4)
    assert cache.pose_maps.shape == (15, SIZE, SIZE, 3)
    assert cache.bounds.tolist() == [[0, 3], [3, 6], [6, 9], [9, 12], [12, 15]]
    frame = list(subjects[2].frames())[1]
    assert np.array_equal(cache.pose_maps[7], frame.pose_map)
    with torch.no_grad():
        expected = encode(vae, unit_to_signed(from_uint8(frame.picture)), None)
    stored = torch.from_numpy(cache.moments[[7]]).float()[:, :4] * LATENT_SCALE
    torch.testing.assert_close(stored, expected, rtol=2e-3, atol=1e-3)


def test_a_long_subject_is_encoded_piece_by_piece(vae, tmp_path):
    long, short = dancer_subjects("train", 2, 19, SIZE)
    cache = open_cache(tmp_path / "cache", [long, replace(short, count=2)], vae, SIZE)
    assert cache.bounds.tolist() == [[0, 19], [19, 21]]
    maps = [frame.pose_map for frame in long.frames()]
    assert np.array_equal(cache.pose_maps[:19], np.stack(maps))


def test_a_cache_is_computed_once_and_anew_for_other_data(vae, subjects, tmp_path):
    folder = tmp_path / "cache"
    open_cache(folder, subjects[:2], vae, SIZE)
    written = (folder / INDEX).stat().st_mtime_ns
    open_cache(folder, subjects[:2], vae, SIZE)
    assert (folder / INDEX).stat().st_mtime_ns == written
    other = open_cache(folder, subjects[:3], vae, SIZE)
    assert len(other.names) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_the_fingerprint_knows_the_encoder_and_the_frames(vae, subjects):
    other_decoder = fresh_vae(NETWORK, 0)
    torch.nn.init.zeros_(other_decoder.decoder.conv_in.weight)
    assert fingerprint(vae, subjects) == fingerprint(other_decoder, subjects)
    assert fingerprint(vae, subjects) == fingerprint(fresh_vae(NETWORK, 0), subjects)
    assert fingerprint(vae, subjects) != fingerprint(fresh_vae(NETWORK, 1), subjects)
    more = [replace(subjects[0], count=4), *subjects[1:]]
    assert fingerprint(vae, subjects) != fingerprint(vae, more)


def test_subjects_with_a_single_frame_are_left_out(vae, subjects, tmp_path):
    lone = replace(subjects[0], count=1)
    cache = open_cache(tmp_path / "cache", [lone, subjects[1]], vae, SIZE)
    assert cache.names == (subjects[1].name,)
    with pytest.raises(InputError, match="no subject has two usable frames"):
        open_cache(tmp_path / "other", [lone], vae, SIZE)
    assert not (tmp_path / "other").exists()


def pair_batch(cache, count, place, offset_noise=0.0):
    return complete_pairs(cache, draw_pairs(cache, count, place, offset_noise))


def test_the_same_place_draws_the_same_batch(cache):
    first, again = pair_batch(cache, 4, (1, 0, 7)), pair_batch(cache, 4, (1, 0, 7))
    assert all(torch.equal(first[key], again[key]) for key in first)
    for place in ((2, 0, 7), (1, 1, 7), (1, 0, 8)):
        assert not torch.equal(first["noise"], pair_batch(cache, 4, place)["noise"])


def test_frames_on_a_device_make_the_same_batch(cache):
    drawn = draw_pairs(cache, 8, (1, 0, 7), offset_noise=0.2)
    there = complete_pairs(cache.on_device(torch.device("cpu")), drawn)
    here = pair_batch(cache, 8, (1, 0, 7), offset_noise=0.2)
    assert there.keys() == here.keys()
    for name, tensor in here.items():
        torch.testing.assert_close(there[name], tensor, rtol=0, atol=0)


def test_what_is_drawn_holds_no_pictures(cache):
    drawn = draw_pairs(cache, 8, (1, 0, 7))
    assert max(tensor[0].numel() for tensor in drawn.values()) == cache.moments[0].size / 2  # noise


def test_pairs_are_two_frames_of_one_subject_with_the_targets_pose(cache):
    moments = np.array(cache.moments)
    moments[:, 4:] = -30  # no noise, so that latents tell their frame
    cache = replace(cache, moments=moments)
    batch = pair_batch(cache, 32, (0,))
    means = torch.from_numpy(moments).float()[:, :4] * LATENT_SCALE
    maps = torch.from_numpy(np.array(cache.pose_maps)).permute(0, 3, 1, 2).float() / 255

    def nearest(latents: torch.Tensor) -> torch.Tensor:
        return (latents[:, None] - means).flatten(2).norm(dim=2).argmin(dim=1)

    targets, references = nearest(batch["latents"]), nearest(batch["reference"])
    assert torch.equal(targets // 3, references // 3)
    assert torch.equal(batch["pose_maps"], maps[targets])
    assert (targets != references).any()


def test_latents_are_fresh_samples_of_the_posterior(cache):
    moments = np.zeros((2, 8, 16, 16), np.float16)
    moments[:, :4], moments[:, 4:] = 3.0, np.log(4.0)
    flat = LatentCache(moments, np.zeros((2, 8, 8, 3), np.uint8), ("a",), np.array([[0, 2]]))
    latents = pair_batch(flat, 64, (0,))["latents"] / LATENT_SCALE
    assert latents.mean().item() == pytest.approx(3.0, abs=0.05)
    assert latents.std().item() == pytest.approx(2.0, abs=0.05)


def test_offset_noise_moves_whole_channels(cache):
    plain, offset = pair_batch(cache, 500, (0,)), pair_batch(cache, 500, (0,), offset_noise=0.5)
    moved = offset["noise"] - plain["noise"]
    torch.testing.assert_close(moved, moved[..., :1, :1].expand_as(moved), rtol=0, atol=1e-5)
    assert moved[..., 0, 0].std().item() == pytest.approx(0.5, abs=0.03)
    assert all(torch.equal(plain[key], offset[key]) for key in plain if key != "noise")


def test_timesteps_cover_the_schedule(cache):
    timesteps = pair_batch(cache, 2000, (0,))["timesteps"]
    assert timesteps.min() >= 0
    assert timesteps.max() <= 999
    assert timesteps.float().mean().item() == pytest.approx(500, abs=25)


def test_processes_share_out_the_subjects(cache):
    shards = [cache.shard(rank, 2) for rank in (0, 1)]
    assert sorted(shards[0].names + shards[1].names) == sorted(cache.names)
    assert not set(shards[0].names) & set(shards[1].names)
    with pytest.raises(InputError, match="5 subjects cannot be shared among 6 processes"):
        cache.shard(0, 6)


def test_validation_is_fixed_and_spread_over_the_timesteps(cache):
    first, again = validation_batch(cache, 3), validation_batch(cache, 3)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert first["timesteps"].tolist() == [100, 300, 500, 700, 900]


def test_a_cache_file_is_read_by_numpy_alone(vae, subjects, tmp_path: Path):
    open_cache(tmp_path / "cache", subjects[:1], vae, SIZE)
    assert np.load(tmp_path / "cache" / "moments.npy").shape == (3, 8, 4, 4)
