"""Apply Motion: the frames of the core, windows, and what must not be combined."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from . import golden
from .motion_graph import (
    SEED,
    STEPS,
    encode_text,
    pose_maps,
    reference,
    sample,
    save_files,
    save_module,
)


@pytest.fixture(scope="module")
def files(comfyui, pack):
    return save_files(pack, comfyui / "models" / "magicpose")


@pytest.fixture(scope="module")
def loaded(pack, files):
    node = pack("nodes.loaders").LoadMagicPoseCheckpoint
    return node.execute(files[0].name, "fp32").args


@pytest.fixture(scope="module")
def moving(pack, files, loaded):
    (model,) = pack("nodes.apply_motion").ApplyMotion.execute(loaded[0], files[1].name).args
    return model


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
    frames = sample(pack, loaded, model)
    loading = pack("magicpose_core.weights.loading")
    settings = pack("magicpose_core.sampling.settings").SamplingSettings(
        steps=STEPS, seed=SEED, **windows
    )
    models = loading.load_models(loading.ModelFiles(checkpoint=files[0], motion_module=files[1]))
    drawn = [np.uint8(pose * 255) for pose in pose_maps().movedim(1, -1).numpy()]
    want = pack("magicpose_core.rendering").render(
        models, reference(), drawn, settings, text=encode_text(loaded)[0][0]
    )
    assert golden.relative(frames, torch.stack(list(want))) < 1e-4


def test_the_given_model_and_its_blocks_stay_as_they_are(pack, loaded, moving):
    assert pack("nodes.motion").motion_of(loaded[0].model_options["transformer_options"]) is None
    sample(pack, loaded, moving)
    network = loaded[0].model.diffusion_model
    assert not any(module._forward_hooks for module in network.modules())
    assert moving.get_additional_models_with_key("magicpose_motion")


@pytest.mark.parametrize(("frame_noises", "told"), [([0, 0, 0], False), ([0, 1, 2], True)])
def test_noise_that_a_module_does_not_know_is_told(pack, files, loaded, caplog, frame_noises, told):
    """With KSampler, too, which knows nothing of our settings."""
    import nodes

    noted = files[1].with_name("mm_one_noise.safetensors")
    convert = pack("magicpose_core.weights.convert")
    note = pack("magicpose_core.weights.notes").ModelNote(one_noise=True)
    convert.convert([files[1]], noted, dtype=torch.float32, note=note)
    (model,) = pack("nodes.apply_motion").ApplyMotion.execute(loaded[0], noted.name).args
    latent = {"samples": torch.zeros(3, 4, 16, 16), "batch_index": frame_noises}
    text = encode_text(loaded)
    nodes.KSampler().sample(model, 0, 1, 1.0, "euler", "normal", text, text, latent)
    assert ("set shared_noise to 1" in caplog.text) == told


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
