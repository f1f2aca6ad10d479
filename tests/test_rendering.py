from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from magicpose_core import rendering
from magicpose_core.errors import InputError
from magicpose_core.images import signed_to_unit, to_uint8
from magicpose_core.models import vae
from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.models.networks import UNet
from magicpose_core.models.sd15 import UNetShape
from magicpose_core.rendering import render
from magicpose_core.sampling.denoise import denoise
from magicpose_core.sampling.settings import SamplingSettings
from magicpose_core.sampling.steppers import make_stepper
from magicpose_core.sampling.windows import FrameWindows
from magicpose_core.weights.loading import MagicPoseModels
from magicpose_core.weights.notes import ModelNote

QUICK = SamplingSettings(steps=2, seed=3)


@pytest.fixture(scope="module")
def reference():
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def pose_maps():
    return np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)


def frames(models, reference, pose_maps, config):
    return torch.stack(list(render(models, reference, pose_maps, config)))


@torch.no_grad()
def test_whole_pipeline_equals_the_authors_to_one_level(micro_models, golden, relative_error):
    numbers = golden("pipeline")
    config = SamplingSettings(steps=10, guidance_scale=7.0, hint_cache_mb=1).complete()
    text = micro_models.text.empty_prompt()
    latents = vae.encode(micro_models.vae, numbers["reference_image"], numbers["posterior_noise"])
    assert relative_error(latents, numbers["reference_latent"]) < 1e-5
    maps = to_uint8(numbers["pose_map"])
    exact = numbers["pose_map"][0].permute(1, 2, 0).numpy() * 255
    np.testing.assert_allclose(maps[0], exact, atol=0.51)
    predict = rendering.prepare_prediction(micro_models, latents, [exact], config, text, text)
    samples = denoise(
        predict, numbers["x_T"], make_stepper("ddim", 10), FrameWindows(1), torch.zeros_like
    )
    assert relative_error(samples, numbers["samples"]) < 1e-4
    decoded = vae.decode(micro_models.vae, samples)
    assert relative_error(decoded, numbers["decoded"]) < 1e-4
    ours = to_uint8(signed_to_unit(decoded)).astype(int)
    gold = numbers["uint8"].permute(0, 2, 3, 1).numpy().astype(int)
    assert np.abs(ours - gold).max() <= 1


@pytest.mark.parametrize("scheduler", ["ddim", "euler_ancestral"])
@pytest.mark.parametrize("shared_noise", [True, False])
def test_frames_do_not_depend_on_the_batch_they_are_in(
    micro_models, reference, pose_maps, scheduler, shared_noise
):
    config = dataclasses.replace(
        QUICK,
        scheduler=scheduler,
        shared_noise=shared_noise,
        eta=0.5 if scheduler == "ddim" else 0.0,
        noisy_reference=True,
    )
    one, two, all_at_once = (
        frames(micro_models, reference, pose_maps, dataclasses.replace(config, frames_per_batch=n))
        for n in (1, 2, 3)
    )
    torch.testing.assert_close(two, one, atol=1e-4, rtol=0)
    torch.testing.assert_close(all_at_once, one, atol=1e-4, rtol=0)
    alone = frames(micro_models, reference, pose_maps[:1], config)
    torch.testing.assert_close(alone[0], one[0], atol=1e-4, rtol=0)


def test_another_seed_or_pose_or_reference_gives_another_picture(
    micro_models, reference, pose_maps
):
    first = frames(micro_models, reference, pose_maps[:1], QUICK)
    assert torch.equal(first, frames(micro_models, reference, pose_maps[:1], QUICK))
    others = [
        frames(micro_models, reference, pose_maps[:1], dataclasses.replace(QUICK, seed=4)),
        frames(micro_models, reference, pose_maps[1:2], QUICK),
        frames(micro_models, 1 - reference, pose_maps[:1], QUICK),
        frames(
            micro_models, reference, pose_maps[:1], dataclasses.replace(QUICK, guidance_scale=1)
        ),
    ]
    for other in others:
        assert (other - first).abs().mean() > 1e-3


def test_each_network_runs_no_more_often_than_it_must(micro_models, reference, pose_maps):
    denoiser = micro_models.denoiser
    calls = {"appearance": 0, "pose": 0, "unet": 0, "hint": 0}
    networks = {
        "appearance": denoiser.appearance,
        "pose": denoiser.pose,
        "unet": denoiser.unet,
        "hint": denoiser.pose.hint_embedding,
    }

    def count(name):
        return lambda *_: calls.update({name: calls[name] + 1})

    hooks = [network.register_forward_pre_hook(count(name)) for name, network in networks.items()]
    try:
        frames(micro_models, reference, pose_maps, dataclasses.replace(QUICK, frames_per_batch=1))
    finally:
        for hook in hooks:
            hook.remove()
    steps, clip = 2, 3
    assert calls == {
        "appearance": steps,
        "pose": steps * clip,
        "unet": 2 * steps * clip,
        "hint": clip,
    }


def test_balance_with_one_text_needs_no_second_half(micro_models, reference, pose_maps):
    balance = dataclasses.replace(QUICK, control_mode="balance")
    plain = dataclasses.replace(QUICK, guidance_scale=1.0)
    assert torch.equal(
        frames(micro_models, reference, pose_maps[:1], balance),
        frames(micro_models, reference, pose_maps[:1], plain),
    )


def test_several_references_are_joined(micro_models, reference, pose_maps):
    config = dataclasses.replace(QUICK, reference_latents="mean")
    once = frames(micro_models, reference, pose_maps[:1], config)
    # the same tokens twice share the attention between them as the tokens once did not:
    # with the frame's own tokens in the softmax the reference gets more weight
    twice = frames(micro_models, reference.expand(2, -1, -1, -1), pose_maps[:1], config)
    assert twice.shape == once.shape
    assert (twice - once).abs().max() > 1e-4


def test_an_interrupt_leaves_the_models_as_they_were(micro_models, reference, pose_maps):
    before = frames(micro_models, reference, pose_maps[:1], QUICK)

    def interrupt(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(render(micro_models, reference, pose_maps[:1], QUICK, on_step=interrupt))
    assert torch.equal(frames(micro_models, reference, pose_maps[:1], QUICK), before)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"reference": torch.zeros(3, 64, 64)}, r"\(R, 3, H, W\).*got \(3, 64, 64\)"),
        ({"reference": torch.zeros(1, 3, 64, 60)}, "multiples of 64, got 60 x 64"),
        ({"reference": torch.full((1, 3, 64, 64), torch.nan)}, "NaN"),
        ({"reference": torch.full((1, 3, 64, 64), -0.5)}, "signed_to_unit"),
        ({"reference": torch.full((1, 3, 64, 64), 255.0)}, "divide 0..255 by 255"),
        ({"reference": torch.zeros((1, 3, 64, 64), dtype=torch.uint8)}, "float.*got torch.uint8"),
        ({"pose_maps": np.zeros((0, 64, 64, 3), np.uint8)}, "no pose_maps"),
        ({"pose_maps": np.zeros((1, 65, 64, 3), np.uint8)}, "multiples of 64, got 64 x 65"),
        ({"pose_maps": np.zeros((1, 64, 64), np.uint8)}, r"\(H, W, 3\) uint8"),
        ({"pose_maps": np.zeros((1, 64, 64, 3), np.float32)}, "uint8 each, got .* float32"),
        ({"reference_per_frame": True}, "as many pictures as pose_maps, got 1 and 3"),
    ],
)
def test_bad_inputs_are_named_before_any_frame_is_asked_for(
    micro_models, reference, pose_maps, change, text
):
    inputs = {"reference": reference, "pose_maps": pose_maps} | change
    with pytest.raises(InputError, match=text):
        render(micro_models, settings=QUICK, **inputs)


def test_a_size_whose_deepest_map_cannot_be_normalised_is_refused(
    micro_models, reference, pose_maps
):
    narrow = dataclasses.replace(UNetShape(), channels=(32, 32, 32, 32), context=16, heads=4)
    denoiser = MagicPoseDenoiser(UNet(narrow), None, None)
    models = dataclasses.replace(micro_models, denoiser=denoiser)
    with pytest.raises(InputError, match=r"64 x 64 is too small .* 128 x 64 at least"):
        render(models, reference, pose_maps, QUICK)


@pytest.mark.parametrize(
    "change",
    [{"guidance_scale": float("nan")}, {"control_mode": "both"}, {"frames_per_batch": 0}],
)
def test_bad_settings_are_named(change):
    with pytest.raises(InputError, match=next(iter(change))):
        SamplingSettings(**change)


def test_betas_other_than_those_of_sampling_are_told(micro_models, reference, pose_maps, caplog):
    noted = dataclasses.replace(micro_models, note=ModelNote(betas=(0.001, 0.02)))
    render(noted, reference, pose_maps, SamplingSettings(steps=2))
    assert "notes betas from 0.001 to 0.02" in caplog.text
    caplog.clear()
    render(micro_models, reference, pose_maps, SamplingSettings(steps=2))
    assert not caplog.text


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_noise_that_a_motion_module_does_not_know_is_told(
    micro_models, reference, pose_maps, caplog, share
):
    noted = dataclasses.replace(micro_models, motion_note=ModelNote(one_noise=True))
    render(noted, reference, pose_maps, SamplingSettings(steps=2, shared_noise=share))
    assert ("set shared_noise to 1" in caplog.text) == (share < 1)


def test_a_model_is_sampled_as_its_note_says_unless_the_caller_does(
    micro_models, reference, pose_maps
):
    noted = dataclasses.replace(micro_models, note=ModelNote(steps=2, guidance_scale=1.0))

    def steps(models: MagicPoseModels, settings: SamplingSettings) -> int:
        done = []
        next(render(models, reference, pose_maps, settings, on_step=lambda step: done.append(step)))
        return len(done)

    assert steps(noted, SamplingSettings()) == 2
    assert steps(noted, SamplingSettings(steps=3)) == 3
