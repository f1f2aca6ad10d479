"""Apply Motion: the frames of the core, windows, and what must not be combined."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from . import golden, made_up

SEED, STEPS, SIDE, FRAMES = 11, 2, 128, 6


def save_module(pack, shape, path):
    """Write a module with random weights in AnimateDiff's own layout."""
    weight_map = pack("magicpose_core.weights.motion").motion_map(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = pack("magicpose_core.models.motion").MotionModule(shape)
    state = {weight_map.ldm_key(name): value for name, value in module.state_dict().items()}
    state |= {copy: state[key].clone() for copy, key in weight_map.copies.items()}
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return module


@pytest.fixture(scope="module")
def files(comfyui, pack):
    folder = comfyui / "models" / "magicpose"
    heads = {"magicpose.heads": "4", "magicpose.text_heads": "2"}
    made_up.save(golden.micro_weights(), folder / "micro.safetensors", heads)
    opened = pack("magicpose_core.weights.checkpoint").open_checkpoint(folder / "micro.safetensors")
    unet = pack("magicpose_core.weights.contents").find_part(opened, "unet")
    plan = pack("magicpose_core.weights.recipes").UNET.shape(unet)
    shape = pack("magicpose_core.models.motion_plan").MotionShape(
        channels=plan.channels, resnets=plan.resnets, middle=True
    )
    save_module(pack, shape, folder / "mm_micro.safetensors")
    return folder / "micro.safetensors", folder / "mm_micro.safetensors"


@pytest.fixture(scope="module")
def loaded(pack, files):
    node = pack("nodes.loaders").LoadMagicPoseCheckpoint
    return node.execute(files[0].name, "fp32").args


@pytest.fixture(scope="module")
def moving(pack, files, loaded):
    (model,) = pack("nodes.apply_motion").ApplyMotion.execute(loaded[0], files[1].name).args
    return model


def poses():
    one = golden.numbers("pipeline")["pose_map"]
    rows = [torch.roll(one, 8 * index, dims=-1) for index in range(FRAMES)]
    return (torch.cat(rows) * 255).round() / 255


def rendered(pack, loaded, model):
    _, clip, vae, control_net, encoder = loaded
    picture = (golden.numbers("pipeline")["reference_image"].clamp(-1, 1) + 1) / 2
    text = clip.encode_from_tokens_scheduled(clip.tokenize(""))
    reference = pack("nodes.appearance.nodes").EncodeReference.execute(
        encoder, picture.movedim(1, -1), vae, SIDE, True, "sample", False, SEED
    )
    latent = pack("nodes.sampling").Sample.execute(
        model, reference.args[0], control_net, poses().movedim(1, -1), text, SEED, "custom",
        STEPS, 7.0, "ddim_paper", "ddim_uniform", 1.0, "image_cfg", 0,
    )  # fmt: skip
    return vae.decode(latent.args[0]["samples"]).movedim(-1, 1), picture, text


@pytest.mark.parametrize("windowed", [False, True])
def test_a_graph_and_the_core_render_the_same_moving_frames(pack, files, loaded, moving, windowed):
    model, windows = moving, {}
    if windowed:
        frames = pack("nodes.frames")
        settings = frames.FrameSettings(window_length=4, window_overlap=2)
        model, windows = (
            frames.batch_frames(moving, settings),
            {
                "window_length": 4,
                "window_overlap": 2,
            },
        )
    frames, picture, text = rendered(pack, loaded, model)
    loading = pack("magicpose_core.weights.loading")
    settings = pack("magicpose_core.sampling.settings").SamplingSettings(
        steps=STEPS, seed=SEED, **windows
    )
    models = loading.load_models(loading.ModelFiles(checkpoint=files[0], motion_module=files[1]))
    drawn = [np.uint8(pose * 255) for pose in poses().movedim(1, -1).numpy()]
    want = pack("magicpose_core.rendering").render(
        models, picture, drawn, settings, text=text[0][0]
    )
    assert golden.relative(frames, torch.stack(list(want))) < 1e-4


def test_the_given_model_and_its_blocks_stay_as_they_are(pack, loaded, moving):
    assert pack("nodes.motion").motion_of(loaded[0].model_options["transformer_options"]) is None
    rendered(pack, loaded, moving)
    network = loaded[0].model.diffusion_model
    assert not any(module._forward_hooks for module in network.modules())
    assert moving.get_additional_models_with_key("magicpose_motion")


def test_a_second_module_and_animatediff_evolved_are_refused(pack, files, loaded, moving):
    execute = pack("nodes.apply_motion").ApplyMotion.execute
    error = pack("magicpose_core.errors").InputError
    with pytest.raises(error, match="model has a motion module already; apply one only"):
        execute(moving, files[1].name)
    other = loaded[0].clone()
    other.set_injections("ADE", [object()])
    with pytest.raises(error, match="of AnimateDiff-Evolved already"):
        execute(other, files[1].name)


def test_other_files_and_widths_are_named(pack, comfyui, files, loaded):
    execute = pack("nodes.apply_motion").ApplyMotion.execute
    errors = pack("magicpose_core.errors")
    with pytest.raises(errors.CheckpointError, match="holds no motion module; it seems to be"):
        execute(loaded[0], files[0].name)
    shape = pack("magicpose_core.models.motion_plan").MotionShape(channels=(32, 32, 32, 32))
    save_module(pack, shape, files[1].with_name("mm_other.safetensors"))
    with pytest.raises(errors.InputError, match=r"is for a U-Net of channels \[32, 32, 32, 32\]"):
        execute(loaded[0], "mm_other.safetensors")


def test_windows_are_the_modules_where_none_are_given(pack, moving):
    frames = pack("nodes.frames")
    options = moving.model_options["transformer_options"]
    assert frames._windows(frames.FrameSettings(), options) == (16, 4)
    given = frames.FrameSettings(window_length=8, window_overlap=2)
    assert frames._windows(given, options) == (8, 2)
    assert frames._windows(frames.FrameSettings(frames_per_batch=3), {}) == (3, 0)
    with pytest.raises(
        pack("magicpose_core.errors").InputError, match="does nothing with a motion"
    ):
        frames._windows(frames.FrameSettings(frames_per_batch=3), options)


def test_more_frames_than_the_module_tells_apart_ask_for_the_batcher(pack, moving):
    motion = pack("nodes.motion")
    shape = motion.motion_of(moving.model_options["transformer_options"])
    with pytest.raises(pack("magicpose_core.errors").InputError, match="put a Frame Batcher"):
        motion._check_length(33, shape)
