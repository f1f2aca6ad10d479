"""Whole sampling runs in ComfyUI, against the golden DDIM runs of the method."""

from __future__ import annotations

import pytest
import torch

from . import golden

RUN = 1e-4  # relative error of a whole run, against 1e-5 of one pass
SCALE = 0.18215


@pytest.fixture
def sample(micro, patched, pack):
    """Run a golden run's settings through ComfyUI; returns scaled latents."""

    def run(
        name, *, text, steps=4, cfg=7.0, negative=None, control_mode="image_cfg", frames=0, **given
    ):
        import comfy.sample

        inputs = {**golden.numbers("networks"), **given}
        model = patched(latents=inputs["reference_latent"], control_mode=control_mode)
        batching = pack("nodes.frames")
        model = batching.batch_frames(model, batching.FrameSettings(frames_per_batch=frames))
        halves = pack("nodes.pose_control").apply_pose(
            micro.control_net,
            inputs["pose_map"].movedim(1, -1),
            [[text, {}]],
            None if negative is None else [[negative, {}]],
            control_mode=control_mode,
        )
        sampling = pack("nodes.sampling")
        sigmas = sampling.paper_sigmas(model.get_model_object("model_sampling"), steps)
        noise = golden.numbers("ddim")[f"{name}.x"][0]
        sampler = sampling.PaperDdim()
        empty = torch.zeros_like(noise)
        return SCALE * comfy.sample.sample_custom(
            model, noise, cfg, sampler, sigmas, *halves, empty
        )

    return run


@pytest.fixture
def texts():
    want = golden.numbers("ddim")
    return want["context_cond"], want["context_uncond"]


def error(name, got):
    return golden.relative(got, golden.numbers("ddim")[f"{name}.samples"])


@pytest.mark.parametrize("steps", [4, 10, 20])
def test_reference_sampler_equals_the_golden_run(sample, texts, steps):
    name = f"important{steps}"
    assert error(name, sample(name, text=texts[0], steps=steps)) < RUN


@pytest.mark.parametrize("cfg", [2, 3.5])
def test_reference_sampler_equals_the_golden_run_at_other_scales(sample, texts, cfg):
    name = f"important4_scale{cfg}"
    assert error(name, sample(name, text=texts[0], cfg=cfg)) < RUN


def test_reference_sampler_equals_the_golden_run_with_empty_text(sample, texts):
    assert error("important4_empty_text", sample("important4_empty_text", text=texts[1])) < RUN


def test_scale_1_is_the_conditional_pass_alone(sample, texts):
    assert error("scale1_4", sample("scale1_4", text=texts[0], cfg=1.0)) < RUN


@pytest.mark.parametrize("steps", [4, 10])
def test_balance_equals_the_golden_run(sample, texts, steps):
    name = f"balance{steps}"
    got = sample(name, text=texts[0], negative=texts[1], steps=steps, control_mode="balance")
    assert error(name, got) < RUN


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_each_frame_gets_its_own_pose_however_many_run_at_a_time(sample, texts, frames):
    poses = golden.numbers("ddim")["frames3.pose_map"]
    got = sample("frames3", text=texts[0], pose_map=poses, frames=frames)
    assert error("frames3", got) < RUN


def test_ksampler_with_ddim_uniform_ends_one_step_further(micro, patched, pack, texts):
    """ComfyUI starts from noise times sigma and ends at zero noise: the golden predicted x0."""
    import comfy.sample

    want = golden.numbers("ddim")
    model = patched()
    poses = golden.numbers("networks")["pose_map"].movedim(1, -1)
    halves = pack("nodes.pose_control").apply_pose(micro.control_net, poses, [[texts[0], {}]], None)
    sampling = model.get_model_object("model_sampling")
    sigma = sampling.sigma(torch.tensor(751.0))
    noise = want["important4.x"][0] * (1 + sigma**2).sqrt() / sigma
    got = comfy.sample.sample(
        model, noise, 4, 7.0, "ddim", "ddim_uniform", *halves, torch.zeros_like(noise), seed=0
    )
    assert golden.relative(SCALE * got, want["important4.pred_x0"][-1]) < RUN


def test_a_noised_reference_equals_the_golden_run(micro, pack, texts):
    """``wonoise`` off, with the authors' noise in place of ours."""
    import comfy.sample
    from comfy.patcher_extension import WrappersMP

    want, inputs = golden.numbers("ddim"), golden.numbers("networks")
    noises = iter(want["noisy_reference4.reference_noise"])
    patch, features = pack("nodes.appearance.model_patch"), pack("nodes.appearance.features")
    alphas = torch.from_numpy(pack("magicpose_core.sampling.schedules").alphas_cumprod()).float()

    def features_at(timestep, text):
        alpha = alphas[int(timestep)]
        noised = alpha.sqrt() * inputs["reference_latent"] + (1 - alpha).sqrt() * next(noises)
        return features.collect_features(
            micro.appearance_model, noised, torch.tensor([timestep]), text
        )

    model = micro.model.clone()
    wrapper = patch.appearance_wrapper(features_at, patch.AppearanceSettings(), by_text=True)
    model.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "test", wrapper)
    halves = pack("nodes.pose_control").apply_pose(
        micro.control_net, inputs["pose_map"].movedim(1, -1), [[texts[0], {}]], None
    )
    sampling = pack("nodes.sampling")
    noise = want["noisy_reference4.x"][0]
    got = comfy.sample.sample_custom(
        model,
        noise,
        7.0,
        sampling.PaperDdim(),
        sampling.paper_sigmas(model.get_model_object("model_sampling"), 4),
        *halves,
        torch.zeros_like(noise),
    )
    assert error("noisy_reference4", SCALE * got) < RUN


def test_reference_noise_has_the_level_of_the_timestep(pack, micro):
    reference = pack("nodes.appearance.reference")
    clean = golden.numbers("networks")["reference_latent"].repeat(64, 1, 1, 1)
    noised = reference.Reference(
        appearance_model=micro.appearance_model, latents=clean, noise_seed=3
    )
    alphas = pack("magicpose_core.sampling.schedules").alphas_cumprod()
    for timestep in (1.0, 501.0, 981.0):
        alpha = alphas[int(timestep)]
        noise = reference._latents_at(noised, timestep) - alpha**0.5 * clean
        assert noise.std().item() == pytest.approx((1 - alpha) ** 0.5, rel=0.02)
        again = reference._latents_at(noised, timestep)
        assert torch.equal(reference._latents_at(noised, timestep), again)
