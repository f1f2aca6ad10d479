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
        name, *, text, steps=4, cfg=7.0, negative=None, guidance="image_cfg", frames=0, **given
    ):
        import comfy.sample

        inputs = {**golden.numbers("networks"), **given}
        model = patched(latents=inputs["reference_latent"], guidance=guidance)
        batching = pack("nodes.frames")
        model = batching.batch_frames(model, batching.FrameSettings(frames=frames))
        halves = pack("nodes.pose_control").apply_pose(
            micro.control_net,
            inputs["pose_map"].movedim(1, -1),
            [[text, {}]],
            None if negative is None else [[negative, {}]],
            guidance=guidance,
        )
        sampling = pack("nodes.sampling")
        sigmas = sampling.reference_sigmas(model.get_model_object("model_sampling"), steps)
        noise = golden.numbers("ddim")[f"{name}.x"][0]
        sampler = sampling.ReferenceSampler()
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
    got = sample(name, text=texts[0], negative=texts[1], steps=steps, guidance="balance")
    assert error(name, got) < RUN


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_each_frame_gets_its_own_pose_however_many_run_at_a_time(sample, texts, frames):
    poses = golden.numbers("ddim")["frames3.pose_map"]
    got = sample("frames3", text=texts[0], pose_map=poses, frames=frames)
    assert error("frames3", got) < RUN
