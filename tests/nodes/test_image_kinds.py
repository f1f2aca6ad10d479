"""Pictures with an alpha channel or in half precision, as newer ComfyUIs hand them on."""

from __future__ import annotations

import pytest
import torch

from . import golden

KINDS = {
    "RGBA": lambda image: torch.cat((image, torch.ones_like(image[..., :1])), -1),
    "half": lambda image: image.half(),
}


@pytest.fixture(params=list(KINDS))
def kind(request):
    """Turn an IMAGE into another kind, and back to what it must be taken for."""
    change = KINDS[request.param]
    return change, lambda image: change(image)[..., :3].float()


IMAGE = torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(0))


def same(got, want):
    return torch.equal(got, want) and got.dtype == want.dtype


def test_pose_maps(kind, pack, micro):
    change, plain = kind
    text = [[golden.numbers("networks")["context_cond"], {}]]
    apply = pack("nodes.pose_control").apply_pose
    hints = [
        apply(micro.control_net, maps, text, None)[0][0][1]["control"].cond_hint_original
        for maps in (change(IMAGE), plain(IMAGE))
    ]
    assert same(*hints)


def test_frame_batcher_and_sampler(kind, pack, micro):
    change, plain = kind
    inputs = golden.numbers("networks")
    reference = pack("nodes.appearance.reference").Reference(
        appearance_model=micro.appearance_model, latents=inputs["reference_latent"]
    )
    start = pack("nodes.sampling").start_latent
    assert start(None, change(IMAGE))["samples"].shape == (3, 4, 8, 8)
    sampled = [
        pack("nodes.sampling")
        .Sample.execute(
            micro.model, reference, micro.control_net, maps, [[inputs["context_cond"], {}]],
            0, "custom", 1, 7.0, "ddim_paper", "ddim_uniform", 1.0, "image_cfg", 2,
        )
        .args[0]["samples"]
        for maps in (change(IMAGE), plain(IMAGE))
    ]  # fmt: skip
    assert same(*sampled)


def test_encode_reference(kind, pack, comfyui):
    change, plain = kind
    loader = pack("nodes.loaders").LoadMagicPoseCheckpoint
    _, _, vae, _, encoder = loader.execute("magicpose-dancers.safetensors", "fp32").args
    encode = pack("nodes.appearance.nodes").EncodeReference.execute
    latents = [
        encode(encoder, image, vae, 64, True, "sample", False, 3).args[0].latents
        for image in (change(IMAGE[:1]), plain(IMAGE[:1]))
    ]
    assert same(*latents)


def test_compare(kind, pack):
    change, plain = kind
    compare = pack("nodes.compare").Compare.execute
    got, want = (
        compare(turn(IMAGE), "strips", 2, reference=turn(IMAGE[:1]), truth=turn(IMAGE)).args
        for turn in (change, plain)
    )
    assert same(got[0], want[0])
    assert got[1] == want[1]


def test_detect_poses_draws_on_the_colours_alone(kind, pack):
    change, plain = kind
    assert same(pack("nodes.bridge").to_pictures(change(IMAGE)), plain(IMAGE).movedim(-1, 1))


def test_a_mask_in_half_precision(pack):
    latent_mask = pack("nodes.appearance.encoding").latent_mask
    mask = (IMAGE[:1, ..., 0] > 0.5).float()
    pictures = IMAGE[:1].movedim(-1, 1)
    assert same(latent_mask(mask.half(), pictures, 64, 64), latent_mask(mask, pictures, 64, 64))
