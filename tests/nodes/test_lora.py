"""A LoRA in the core is the LoRA of ComfyUI's loader: the same weights, the same frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from . import golden, made_up

SEED, STEPS, STRENGTH = 5, 2, 0.8
UNET = "model.diffusion_model."


@pytest.fixture
def checkpoint(comfyui):
    path = comfyui / "models" / "magicpose" / "micro.safetensors"
    heads = {"magicpose.heads": "4", "magicpose.text_heads": "2"}
    made_up.save(golden.micro_weights(), path, heads)
    return path


@pytest.fixture(params=["style", "hyper"])
def lora(request, pack, checkpoint):
    """One on attention in the released names, and one shaped as Hyper-SD's: all of the blocks."""
    weights = made_up.part(golden.micro_weights(), UNET)
    bare = {key.removeprefix(UNET): tensor for key, tensor in weights.items()}
    opened = pack("magicpose_core.weights.checkpoint").open_checkpoint(checkpoint)
    part = pack("magicpose_core.weights.contents").find_part(opened, "unet")
    shape = pack("magicpose_core.weights.recipes").UNET.shape(part)
    names = pack("magicpose_core.weights.ldm").unet_map(shape)

    def in_a_block(layer):
        name = names.diffusers_key(layer)
        return name if name.startswith(("down_blocks.", "mid_block.", "up_blocks.")) else None

    def in_attention(layer):
        return layer if ".attn" in layer else None

    state = made_up.random_lora(bare, in_a_block if request.param == "hyper" else in_attention)
    path = checkpoint.with_name(f"{request.param}.safetensors")
    made_up.save(state, path)
    return path, state


def models_with(pack, checkpoint, path):
    loading, settings = (
        pack("magicpose_core.weights.loading"),
        pack("magicpose_core.weights.settings"),
    )
    loras = (settings.LoraFile(file=path, strength=STRENGTH),)
    return loading.load_models(settings.ModelFiles(checkpoint=checkpoint, loras=loras))


def test_every_weight_is_the_one_that_comfyui_makes(pack, checkpoint, lora):
    import comfy.sd

    path, state = lora
    model, *_ = pack("nodes.loaders").LoadMagicPoseCheckpoint.execute(checkpoint.name, "fp32").args
    patched, _ = comfy.sd.load_lora_for_models(model, None, state, STRENGTH, 0.0)
    patched.patch_model()
    theirs = {
        key.removeprefix("diffusion_model."): tensor.clone()
        for key, tensor in patched.model.state_dict().items()
    }
    patched.unpatch_model()
    unet = models_with(pack, checkpoint, path).denoiser.unet
    names = pack("magicpose_core.weights.ldm").unet_map(unet.shape)
    changed = 0
    for name, tensor in unet.state_dict().items():
        want = theirs[names.ldm_key(name)]
        torch.testing.assert_close(tensor, want, rtol=1e-6, atol=1e-6)
        changed += int(not torch.equal(want, golden.micro_weights()[UNET + names.ldm_key(name)]))
    assert changed == len({key.split(".")[0] for key in state})


def test_a_graph_with_the_loras_loader_renders_the_cores_frames(pack, checkpoint, lora):
    import comfy.sd

    path, state = lora
    inputs = golden.numbers("pipeline")
    picture = (inputs["reference_image"].clamp(-1, 1) + 1) / 2
    pose = (inputs["pose_map"] * 255).round() / 255
    model, clip, vae, control_net, encoder = (
        pack("nodes.loaders").LoadMagicPoseCheckpoint.execute(checkpoint.name, "fp32").args
    )
    text = clip.encode_from_tokens_scheduled(clip.tokenize(""))
    reference = pack("nodes.appearance.nodes").EncodeReference.execute(
        encoder, picture.movedim(1, -1), vae, 128, True, "sample", False, SEED
    )

    def in_a_graph(with_lora):
        latent = pack("nodes.sampling").Sample.execute(
            with_lora, reference.args[0], control_net, pose.movedim(1, -1), text, SEED, "custom",
            STEPS, 7.0, "ddim_paper", "ddim_uniform", 1.0, "image_cfg", 1,
        )  # fmt: skip
        return latent.args[0]["samples"]

    ours, _ = comfy.sd.load_lora_for_models(model, None, state, STRENGTH, 0.0)
    in_comfyui = in_a_graph(ours)
    assert golden.relative(in_comfyui, in_a_graph(model)) > 1e-2
    frames = vae.decode(in_comfyui).movedim(-1, 1)
    settings = pack("magicpose_core.sampling.settings").SamplingSettings(steps=STEPS, seed=SEED)
    want = pack("magicpose_core.rendering").render(
        models_with(pack, checkpoint, path),
        picture,
        [np.uint8(each * 255) for each in pose.movedim(1, -1).numpy()],
        settings,
        text=text[0][0],
    )
    assert golden.relative(frames, torch.stack(list(want))) < 1e-4
