"""Whole sampling runs in ComfyUI, against the golden DDIM runs."""

from __future__ import annotations

import pytest
import torch

from . import golden

SCALE = 0.18215


def conditioning(text):
    return [[text, {}]]


@pytest.fixture
def run(pack, micro):
    """Sample with the reference preset from a golden run's noise; returns scaled latents."""

    def sample(name, *, steps, cfg=7.0, guidance="image_cfg", positive=None, negative=None, **more):
        import comfy.sample

        want = golden.numbers("ddim")
        inputs = golden.numbers("networks")
        text = want["context_cond"] if positive is None else positive
        reference = pack("nodes.reference").Reference(
            encoder=micro.encoder,
            latents=more.get("reference", inputs["reference_latent"]),
            text=text,
        )
        cache = pack("nodes.features").FeatureCache(0, torch.device("cpu"))
        settings = pack("nodes.model_patch").AppearanceSettings(guidance=guidance)
        model = pack("nodes.reference").apply_appearance(micro.model, reference, settings, cache)
        frames = pack("nodes.frames")
        model = frames.batch_frames(model, frames.FrameSettings(frames=more.get("frames", 0)))
        pose_maps = more.get("pose_maps", inputs["pose_map"]).movedim(1, -1)
        halves = pack("nodes.pose_control").apply_pose(
            micro.control_net,
            pose_maps,
            conditioning(text),
            None if negative is None else conditioning(negative),
            guidance=guidance,
        )
        sampling = pack("nodes.sampling")
        noise = want[f"{name}.x"][0]
        sigmas = sampling.reference_sigmas(model.get_model_object("model_sampling"), steps)
        samples = comfy.sample.sample_custom(
            model, noise, cfg, sampling.ReferenceSampler(), sigmas, *halves, torch.zeros_like(noise)
        )
        return samples * SCALE

    return sample


@pytest.mark.parametrize("steps", [4, 10, 20])
def test_reference_sampler_equals_the_golden_runs(run, steps):
    want = golden.numbers("ddim")[f"important{steps}.samples"]
    assert golden.relative(run(f"important{steps}", steps=steps), want) < 1e-4
