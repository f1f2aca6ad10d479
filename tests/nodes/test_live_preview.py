"""Previews of a whole clip, and a bar that moves while the autoencoder works."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from PIL import Image

from .test_guiders import clip, extras  # noqa: F401 - fixtures


def test_pictures_take_turns_until_the_block_ends(pack):
    shown = []
    pictures = [Image.new("RGB", (1, 1), (value, 0, 0)) for value in range(3)]
    threads = threading.active_count()
    with pack("nodes.live_preview").frames_in_turn(shown.append, seconds=0.001) as replace:
        replace(pictures)
        while len(shown) < 7:
            time.sleep(0.001)
        replace(pictures[:1])
        time.sleep(0.05)
    assert shown[:6] == pictures * 2
    assert shown[-1] is pictures[0]
    assert threading.active_count() == threads


@pytest.fixture
def previews(pack, notices, monkeypatch):
    """Pictures sent to the client of a running node that previews latents."""
    import server
    from comfy.cli_args import LatentPreviewMethod, args

    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Latent2RGB)
    monkeypatch.setattr(pack("nodes.live_preview"), "_SECONDS", 0.001)
    sent = []
    instance = server.PromptServer.instance
    monkeypatch.setattr(instance, "sockets_metadata", {}, raising=False)
    monkeypatch.setattr(instance, "send_sync", lambda event, data, client: sent.append(data))
    return sent


def test_frames_of_a_clip_are_previewed_in_turn(clip, previews):  # noqa: F811
    clip(frames=3, steps=3)
    seen = {picture.tobytes() for _, picture, _ in previews}
    assert len(seen) > 1


def test_previews_change_nothing(clip, previews, monkeypatch):  # noqa: F811
    from comfy.cli_args import LatentPreviewMethod, args

    with_previews = clip(frames=2)
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.NoPreviews)
    count = len(previews)
    assert torch.equal(clip(frames=2), with_previews)
    assert len(previews) == count


@pytest.fixture
def bar(monkeypatch):
    """Values that the progress bar shows, (value, total)."""
    import comfy.utils

    shown = []

    def hook(value, total, preview, node_id=None):
        shown.append((value, total))

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", hook)
    for limit in ("PROGRESS_THROTTLE_MIN_INTERVAL", "PROGRESS_THROTTLE_MIN_PERCENT"):
        monkeypatch.setattr(comfy.utils, limit, 0, raising=False)  # later versions skip some
    return shown


@pytest.fixture(scope="module")
def demo_vae(pack):
    loader = pack("nodes.loaders").LoadMagicPoseCheckpoint
    return loader.execute("magicpose-dancers.safetensors", "fp32").args[2]


def test_decoding_moves_the_bar_and_equals_vae_decode(pack, demo_vae, bar):
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    got = pack("nodes.decode").decode_frames(demo_vae, latents)
    values = [value for value, _ in bar]
    assert values == list(range(1, bar[-1][1] + 1))
    assert len(values) >= 2 * 4
    want = demo_vae.decode(latents)
    assert got.shape == want.shape
    assert (got - want).abs().max() < 1e-4
    assert len(values) == len(bar)  # nothing stays behind on the network


def test_encoding_a_reference_moves_the_bar(pack, demo_vae, bar):
    pictures = torch.rand(1, 3, 64, 64)
    encode = pack("nodes.appearance.encoding").encode_latents
    for generator in (None, torch.Generator().manual_seed(0)):
        bar.clear()
        encode(demo_vae, pictures, generator)
        assert len(bar) >= 4
        assert bar[-1][0] == bar[-1][1]
