"""ComfyUI's guiders, caches and windows, which number and cut the halves of guidance their way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from . import golden
from .test_living_together import call

CLIP = 1e-4  # relative error of a whole run
CFG = 5.0


@pytest.fixture(scope="module")
def extras(pack):
    """ComfyUI's own extra nodes."""
    import nodes

    folder = Path(nodes.__file__).parent / "comfy_extras"
    for name in ("custom_sampler", "sag", "perpneg", "easycache", "context_windows"):
        assert asyncio.run(nodes.load_custom_node(str(folder / f"nodes_{name}.py")))


@pytest.fixture
def clip(micro, patched, pack, extras):
    """Sample a clip; ``change`` patches the MODEL, ``guide`` makes the guider."""

    def run(frames=2, guide=None, change=lambda model: model, steps=2, poses=None, side=8):
        import comfy.samplers

        inputs = golden.numbers("networks")
        noise = torch.randn(frames, 4, side, side, generator=torch.Generator().manual_seed(0))
        if poses is None:
            generator = torch.Generator().manual_seed(1)
            poses = torch.rand(frames, 8 * side, 8 * side, 3, generator=generator)
        model = change(patched())
        positive, negative = pack("nodes.pose_control").apply_pose(
            micro.control_net, poses, [[inputs["context_cond"], {}]], None
        )
        if guide is None:
            guider = comfy.samplers.CFGGuider(model)
            guider.set_conds(positive, negative)
            guider.set_cfg(CFG)
        else:
            guider = guide(model, positive, negative)
        sigmas = comfy.samplers.calculate_sigmas(
            model.get_model_object("model_sampling"), "normal", steps
        )
        sampler = comfy.samplers.sampler_object("euler")
        return guider.sample(noise, torch.zeros_like(noise), sampler, sigmas, seed=0)

    return run


@pytest.fixture
def reading(micro):
    """Of every forward of the U-Net: its halves of guidance, and whether it reads a reference."""
    from comfy.patcher_extension import WrappersMP

    seen = []

    def watch(forward, *arguments, **more):
        options = arguments[-1]
        seen.append((tuple(options["cond_or_uncond"]), "magicpose_offers" in options))
        return forward(*arguments, **more)

    def change(model):
        model = model.clone()
        model.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "watch", watch)
        return model

    change.seen = seen
    return change


def dual_guider(model, positive, negative):
    """With the first scale at 1 a nested dual guider is plain guidance with the second scale."""
    return call(
        "DualCFGGuider",
        model=model, cond1=positive, cond2=negative, negative=negative,
        cfg_conds=1.0, cfg_cond2_negative=CFG, style="nested",
    )  # fmt: skip


def test_a_dual_guider_gives_the_reference_to_its_positive(clip):
    assert golden.relative(clip(guide=dual_guider), clip()) < CLIP


def test_of_a_dual_guider_only_the_positive_reads(clip, reading):
    clip(guide=dual_guider, change=reading, steps=1)
    assert {halves for halves, reads in reading.seen if reads} == {(2,)}


def test_perpendicular_negative_without_weight_is_plain_guidance(clip):
    def guide(model, positive, negative):
        empty = [[torch.zeros_like(positive[0][0]), {}]]
        return call(
            "PerpNegGuider",
            model=model, positive=positive, negative=empty, empty_conditioning=negative,
            cfg=CFG, neg_scale=0.0,
        )  # fmt: skip

    assert golden.relative(clip(guide=guide), clip()) < CLIP


def test_the_lone_negative_of_self_attention_guidance_reads_no_reference(clip, reading):
    def change(model):
        node = {"model": model, "scale": 0.5, "blur_sigma": 2.0}
        return reading(call("SelfAttentionGuidance", **node))

    clip(change=change, steps=1, side=16)
    assert [reads for _, reads in reading.seen].count(True) == 1
    assert len(reading.seen) == 3


def test_a_condition_of_an_area_reads_only_on_the_positive_side(clip, reading):
    """ComfyUI copies a positive's area, uuid and all, into the negative."""

    def guide(model, positive, negative):
        import comfy.samplers

        guider = comfy.samplers.CFGGuider(model)
        area = {"area": (8, 4, 0, 0)}
        guider.set_conds([[text, {**rest, **area}] for text, rest in positive] + positive, negative)
        guider.set_cfg(CFG)
        return guider

    clip(guide=guide, change=reading, steps=1)
    assert {half for halves, reads in reading.seen if reads for half in halves} == {0}


def test_a_second_model_for_the_negative_reads_no_reference(clip, reading, micro):
    import nodes

    if "DualModelGuider" not in nodes.NODE_CLASS_MAPPINGS:  # later than 0.8.0
        return

    def guide(model, positive, negative):
        node = {"model": model, "model_negative": reading(micro.model), "cfg": CFG}
        return call("DualModelGuider", **node, positive=positive, negative=negative)

    assert golden.relative(clip(guide=guide), clip()) < CLIP


@pytest.mark.parametrize("order", ["cache first", "batcher first"])
def test_easycache_keeps_passes_of_frames_apart(clip, pack, order):
    frames = pack("nodes.frames")
    settings = frames.FrameSettings(frames_per_batch=1)

    def cached(model):
        limits = {"reuse_threshold": 1e6, "start_percent": 0.0, "end_percent": 1.0}
        return call("EasyCache", model=model, **limits, verbose=False)

    def both(model):
        if order == "cache first":
            return frames.batch_frames(cached(model), settings)
        return cached(frames.batch_frames(model, settings))

    one_by_one = torch.cat(
        [clip(frames=3, change=both, steps=6)[index : index + 1] for index in range(3)]
    )
    whole = clip(frames=3, change=cached, steps=6)
    stock = clip(frames=3, steps=6)
    assert golden.relative(whole, stock) > 1e-3  # the cache did skip
    if order == "cache first":
        assert golden.relative(one_by_one, whole) < CLIP
    else:  # the cache sees each pass as a step of its own: no ghosts, fewer skipped
        assert golden.relative(one_by_one, stock) < golden.relative(whole, stock)


def windowed(length, overlap=0):
    def change(model):
        import comfy.context_windows as windows

        model = model.clone()
        model.model_options["context_handler"] = windows.IndexListContextHandler(
            context_schedule=windows.get_matching_context_schedule("standard_static"),
            fuse_method=windows.get_matching_fuse_method("pyramid"),
            context_length=length,
            context_overlap=overlap,
        )
        return model

    return change


def test_each_of_comfyuis_context_windows_follows_its_own_poses(clip):
    whole = clip(frames=6)
    assert golden.relative(clip(frames=6, change=windowed(2)), whole) < CLIP
    assert golden.relative(clip(frames=6, change=windowed(3, 1)), whole) < CLIP


def test_frames_of_a_context_window_follow_their_poses_some_at_a_time(clip, pack):
    frames = pack("nodes.frames")
    settings = frames.FrameSettings(frames_per_batch=2)
    for change in (
        lambda model: frames.batch_frames(windowed(3)(model), settings),
        lambda model: windowed(3)(frames.batch_frames(model, settings)),
    ):
        assert golden.relative(clip(frames=6, change=change), clip(frames=6)) < CLIP


def test_fewer_poses_than_frames_repeat_in_context_windows_too(clip):
    poses = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(2))
    whole = clip(frames=6, poses=poses)
    assert golden.relative(clip(frames=6, poses=poses, change=windowed(3)), whole) < CLIP
