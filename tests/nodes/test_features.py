"""What the appearance control model yields in ComfyUI, and how it is remembered."""

from __future__ import annotations

import pytest
import torch

from . import golden


def test_features_equal_the_golden_ones(pack, micro):
    want = golden.numbers("networks")
    got = pack("nodes.appearance.features").collect_features(
        micro.appearance_model,
        want["reference_latent"],
        torch.tensor([501.0]),
        want["context_cond"],
    )
    assert len(got) == 16
    for index, layer in enumerate(micro.layers):
        assert golden.relative(got[layer.comfy], want[f"bank_t501.{index:02d}"]) < 1e-5, layer


def test_features_of_several_pictures_lie_in_a_row(pack, micro):
    want = golden.numbers("networks")
    collect = pack("nodes.appearance.features").collect_features
    latents = [want["reference_latent"], want["reference_latent"].flip(-1)]
    timestep, text = torch.tensor([501.0]), want["context_cond"]
    single = [collect(micro.appearance_model, each, timestep, text) for each in latents]
    both = collect(micro.appearance_model, torch.cat(latents), timestep, text)
    for block, tokens in both.items():
        joined = torch.cat([each[block] for each in single], dim=1)
        assert golden.relative(tokens, joined) < 1e-5


@pytest.fixture
def cache(pack):
    cpu = torch.device("cpu")
    features = {"block": torch.zeros(1, 4, 8)}  # 128 bytes

    def make(limit):
        computed = []
        store = pack("nodes.appearance.features").FeatureCache(limit, cpu)

        def fetch(key):
            return store.fetch(key, cpu, lambda: computed.append(key) or features)

        return store, fetch, computed

    return make


def test_cache_off_holds_the_features_in_use(cache):
    store, fetch, computed = cache(0)
    for key in (1, 1, 2, 2, 1):
        fetch(key)
    assert computed == [1, 2, 1]
    assert store.nbytes == 0


def test_cache_lets_the_least_recently_used_go_first(cache):
    store, fetch, computed = cache(256)
    for key in (1, 2, 1, 3, 1, 2):
        fetch(key)
    assert computed == [1, 2, 3, 2]
    assert store.nbytes == 256


def test_released_features_are_computed_anew(cache):
    store, fetch, computed = cache(256)
    fetch(1)
    store.release(torch.device("cpu"))
    fetch(1)
    assert computed == [1, 1]


def test_releasing_a_device_leaves_what_lies_on_another(cache):
    store, fetch, computed = cache(256)
    fetch(1)
    store.release(torch.device("cuda"))
    fetch(1)
    assert computed == [1]


def test_failed_computation_leaves_the_cache_as_it_was(pack, cache):
    store, fetch, computed = cache(256)
    fetch(1)

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch(2, torch.device("cpu"), interrupted)
    fetch(1)
    assert computed == [1]
    assert store.nbytes == 128
