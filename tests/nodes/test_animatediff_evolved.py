"""AnimateDiff-Evolved itself beside this pack: its module, its windows, our appearance and pose."""

from __future__ import annotations

import asyncio
import shutil

import pytest
import torch

from . import golden
from .comfyui import find_comfyuis
from .evolved import CONTROL, EVOLVED, copy_narrow, find_pack
from .motion_graph import SEED, SIDE, STEPS, encode_text, pose_maps, reference, sample, save_files

WINDOW, OVERLAP = 4, 2


@pytest.fixture(scope="module")
def files(comfyui, pack):
    return save_files(pack, comfyui / "models" / "magicpose")


@pytest.fixture(scope="module")
def loaded(pack, files):
    return pack("nodes.loaders").LoadMagicPoseCheckpoint.execute(files[0].name, "fp32").args


@pytest.fixture(scope="module")
def evolved(comfyui, loaded, files):
    """An applier of its nodes to the MODEL; context options cut the clip."""
    import nodes

    config = loaded[0].model.model_config.unet_config
    channels = tuple(config["model_channels"] * factor for factor in config["channel_mult"])
    folder = comfyui / "models" / "animatediff_models"
    folder.mkdir(exist_ok=True)
    shutil.copy(files[1], folder)
    narrow = copy_narrow(find_pack(EVOLVED, find_comfyuis()), comfyui / "custom_nodes", channels)
    assert asyncio.run(nodes.load_custom_node(str(narrow)))
    known = {name: node() for name, node in nodes.NODE_CLASS_MAPPINGS.items() if "ADE_" in name}

    def apply(model, windowed=False):
        (module,) = known["ADE_LoadAnimateDiffModel"].load_motion_model(files[1].name)
        (modules,) = known["ADE_ApplyAnimateDiffModelSimple"].apply_motion_model(module)
        context = {}
        if windowed:
            (options,) = known["ADE_StandardStaticContextOptions"].create_options(
                WINDOW, OVERLAP, fuse_method="flat"
            )
            context = {"context_options": options}
        return known["ADE_UseEvolvedSampling"].use_evolved_sampling(
            model, "use existing", modules, **context
        )[0]

    return apply


@pytest.fixture(scope="module")
def moving(pack, files, loaded):
    return pack("nodes.apply_motion").ApplyMotion.execute(loaded[0], files[1].name).args[0]


def test_its_module_renders_the_frames_of_apply_motion(pack, loaded, evolved, moving):
    ours = sample(pack, loaded, moving)
    theirs = sample(pack, loaded, evolved(loaded[0]))
    alone = sample(pack, loaded, loaded[0])
    assert golden.relative(theirs, ours) < 1e-4
    assert golden.relative(theirs, alone) > 1e-2


@pytest.fixture(scope="module")
def sample_ordinary(pack, loaded):
    """Sample as any graph does: Apply Appearance, a ControlNet on the positive, KSampler."""
    import comfy.sample

    _, _, vae, _, encoder = loaded
    picture = reference().movedim(1, -1)
    encoded = pack("nodes.appearance.nodes").EncodeReference.execute(
        encoder, picture, vae, SIDE, True, "sample", False, SEED
    )

    def run(model, positive):
        (model,) = (
            pack("nodes.appearance.nodes")
            .ApplyAppearance.execute(model, encoded.args[0], "image_cfg", 1.0, 0.0, 1.0, "off", 0)
            .args
        )
        noise = torch.randn(len(pose_maps()), 4, 16, 16, generator=torch.manual_seed(SEED))
        return comfy.sample.sample(
            model, noise, STEPS, 7.0, "euler", "normal", positive, encode_text(loaded),
            torch.zeros_like(noise), seed=SEED,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def positives(pack, loaded):
    """The poses on the text: by Apply Pose ControlNet, and by Advanced-ControlNet."""
    import nodes

    assert asyncio.run(nodes.load_custom_node(str(find_pack(CONTROL, find_comfyuis()))))
    apply = nodes.NODE_CLASS_MAPPINGS["ACN_AdvancedControlNetApply_v2"].execute
    text, maps = encode_text(loaded), pose_maps().movedim(1, -1)
    ours, _ = pack("nodes.pose_control").apply_pose(loaded[3], maps, text, None)
    return ours, apply(text, None, loaded[3], maps, 1.0, 0.0, 1.0).args[0]


@pytest.mark.parametrize("poses", [0, 1], ids=["Apply Pose ControlNet", "Advanced-ControlNet"])
def test_its_context_windows_are_those_of_the_frame_batcher(
    pack, loaded, evolved, moving, sample_ordinary, positives, poses
):
    frames = pack("nodes.frames")
    settings = frames.FrameSettings(window_length=WINDOW, window_overlap=OVERLAP)
    ours = sample_ordinary(frames.batch_frames(moving, settings), positives[0])
    theirs = sample_ordinary(evolved(loaded[0], windowed=True), positives[poses])
    assert golden.relative(theirs, ours) < 1e-4


def test_the_frame_batcher_stands_aside_for_it(pack, loaded, evolved, sample_ordinary, positives):
    frames = pack("nodes.frames")
    model = evolved(loaded[0], windowed=True)
    batched = frames.batch_frames(model, frames.FrameSettings(frames_per_batch=2))
    alone = sample_ordinary(model, positives[1])
    assert torch.equal(sample_ordinary(batched, positives[1]), alone)


def test_apply_motion_on_top_of_it_is_refused(pack, files, loaded, evolved):
    with pytest.raises(pack("magicpose_core.errors").InputError, match="of AnimateDiff-Evolved"):
        pack("nodes.apply_motion").ApplyMotion.execute(evolved(loaded[0]), files[1].name)
