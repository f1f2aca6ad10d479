"""The same weights, pictures and seed in a graph and in the core: the same frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from . import golden, made_up

SEED, STEPS, SIDE = 11, 4, 128


@pytest.fixture
def checkpoint(comfyui):
    path = comfyui / "models" / "magicpose" / "micro.safetensors"
    heads = {"magicpose.heads": "4", "magicpose.text_heads": "2"}
    made_up.save(golden.micro_weights(), path, heads)
    return path


@pytest.mark.parametrize("noise", [False, True])
def test_a_graph_and_the_core_render_the_same_frames(pack, checkpoint, noise):
    inputs = golden.numbers("pipeline")
    picture = (inputs["reference_image"].clamp(-1, 1) + 1) / 2
    poses = (torch.cat((inputs["pose_map"], inputs["pose_map"].flip(-1))) * 255).round() / 255
    model, clip, vae, control_net, encoder = (
        pack("nodes.loaders").LoadMagicPoseCheckpoint.execute(checkpoint.name, "fp32").args
    )
    text = clip.encode_from_tokens_scheduled(clip.tokenize(""))
    reference = pack("nodes.appearance.nodes").EncodeReference.execute(
        encoder, picture.movedim(1, -1), vae, SIDE, True, "sample", noise, SEED
    )
    latent = pack("nodes.sampling").Sample.execute(
        model, reference.args[0], control_net, poses.movedim(1, -1), text, SEED, "custom",
        STEPS, 7.0, "ddim_paper", "ddim_uniform", 1.0, "image_cfg", 1,
    )  # fmt: skip
    frames = vae.decode(latent.args[0]["samples"]).movedim(-1, 1)

    loading = pack("magicpose_core.weights.loading")
    settings = pack("magicpose_core.sampling.settings").SamplingSettings(
        steps=STEPS, seed=SEED, noisy_reference=noise, frames_per_batch=2
    )
    drawn = [np.uint8(pose * 255) for pose in poses.movedim(1, -1).numpy()]
    want = pack("magicpose_core.rendering").render(
        loading.load_models(loading.ModelFiles(checkpoint=checkpoint)),
        picture,
        drawn,
        settings,
        text=text[0][0],
    )
    assert golden.relative(frames, torch.stack(list(want))) < 1e-4
