"""The reference beside other nodes' patches, in one graph: works, or says what conflicts."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
import torch

from . import golden, made_up

FRAMES = 2


@pytest.fixture
def result(micro, pack):
    """Sample two frames with a MODEL; the poses are on the positive."""

    def sample(model, steps=1, cfg=7.0, side=8):
        import comfy.sample

        inputs = golden.numbers("networks")
        poses = inputs["pose_map3"][:FRAMES].movedim(1, -1)
        text = [[inputs["context_cond"], {}]]
        halves = pack("nodes.pose_control").apply_pose(micro.control_net, poses, text, None)
        noise = torch.randn(FRAMES, 4, side, side, generator=torch.Generator().manual_seed(0))
        return comfy.sample.sample(
            model, noise, steps, cfg, "euler", "normal", *halves, torch.zeros_like(noise), seed=0
        )

    return sample


def call(node_id, **inputs):
    """Run one of ComfyUI's own nodes; returns its first output."""
    import nodes

    node = nodes.NODE_CLASS_MAPPINGS[node_id]
    if not hasattr(node, "define_schema"):
        return getattr(node(), node.FUNCTION)(**inputs)[0]
    output = node.execute(**inputs)
    return (output if isinstance(output, tuple) else output.args)[0]


@pytest.fixture(scope="module")
def extras(pack):
    """ComfyUI's own extra nodes."""

    import nodes

    folder = Path(nodes.__file__).parent / "comfy_extras"
    for name in ("pag", "sag", "hypertile", "tomesd", "freelunch"):
        assert asyncio.run(nodes.load_custom_node(str(folder / f"nodes_{name}.py")))


PATCHES = {
    "FreeU": ("FreeU_V2", {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2}),
    "HyperTile": (
        "HyperTile",
        {"tile_size": 64, "swap_size": 2, "max_depth": 0, "scale_depth": False},
    ),
    "ToMe": ("TomePatchModel", {"ratio": 0.3}),
    "PAG": ("PerturbedAttentionGuidance", {"scale": 3.0}),
    "SAG": ("SelfAttentionGuidance", {"scale": 0.5, "blur_sigma": 2.0}),
}


LARGER = {"FreeU": 16, "HyperTile": 16, "SAG": 16}  # latents that they do something with


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
@pytest.mark.parametrize("name", list(PATCHES))
def test_both_patches_take_effect(extras, result, patched, micro, name, order):
    node, settings = PATCHES[name]
    side = LARGER.get(name, 8)
    if order == "ours first":
        both = call(node, model=patched(), **settings)
    else:
        both = patched(call(node, model=micro.model, **settings))
    theirs_alone = result(call(node, model=micro.model, **settings), side=side)
    together = result(both, side=side)
    assert together.isfinite().all()
    assert golden.relative(together, theirs_alone) > 1e-2
    assert golden.relative(together, result(patched(), side=side)) > 1e-3


@pytest.mark.parametrize("name", ["PAG", "SAG"])
def test_guidance_that_replaces_attention_is_named_once(extras, result, patched, name, caplog):
    node, settings = PATCHES[name]
    with caplog.at_level(logging.WARNING, "magicpose"):
        result(call(node, model=patched(), **settings), steps=2, side=LARGER.get(name, 8))
    said = [record.message for record in caplog.records if record.name == "magicpose"]
    assert len(said) == 1
    assert "replaces the self-attention of middle 0" in said[0]


@pytest.mark.parametrize(
    ("name", "said"), [("SAG", "self-attention guidance"), ("ToMe", "token merging")]
)
def test_what_depends_on_the_frames_of_a_pass_is_named(
    extras, result, patched, pack, notices, name, said
):
    frames = pack("nodes.frames")
    node, settings = PATCHES[name]
    model = call(node, model=patched(), **settings)
    cut = frames.batch_frames(model, frames.FrameSettings(frames_per_batch=1))
    result(frames.batch_frames(model, frames.FrameSettings(frames_per_batch=FRAMES)), side=16)
    assert not [text for _, text in notices if text.startswith(said)]
    result(cut, side=16)
    assert len([text for _, text in notices if text.startswith(said)]) == 1


def test_hypertile_lets_every_tile_read_the_whole_reference(extras, result, patched, micro):
    """HyperTile cuts queries into tiles; each tile reads its own keys and all of the reference."""
    from comfy.patcher_extension import WrappersMP

    seen = []

    def watch(q, k, v, options):
        seen.append((q.shape, k.shape))
        return q, k, v

    def inside(forward, *arguments, **more):
        *inputs, options = arguments
        patches = options["patches"]
        watched = {**patches, "attn1_patch": [*patches["attn1_patch"], watch]}
        return forward(*inputs, {**options, "patches": watched}, **more)

    node, settings = PATCHES["HyperTile"]
    model = patched(call(node, model=micro.model, **settings))
    model.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "watch", inside)
    result(model, cfg=1.0, side=16)
    tiled = [(q, k) for q, k in seen if q[0] > FRAMES]
    assert tiled
    for q, k in tiled:
        assert q[:2] == (4 * FRAMES, 64)
        assert k[:2] == (4 * FRAMES, 64 + 256)


def test_lora_and_reference_both_take_effect(result, patched, micro):
    """Also where the LoRA is loaded after ours; it acts on the reference's tokens as well."""
    import comfy.sd

    unet = golden.part("model.diffusion_model.")
    lora = made_up.lora({f"model.diffusion_model.{key}": tensor for key, tensor in unet.items()})
    model, _ = comfy.sd.load_lora_for_models(micro.model, None, lora, 1.0, 0.0)
    assert any("attn1.to_k" in key for key in model.patches)
    together = result(patched(model))
    assert golden.relative(together, result(patched())) > 1e-3
    assert golden.relative(together, result(model)) > 1e-2
    after, _ = comfy.sd.load_lora_for_models(patched(), None, lora, 1.0, 0.0)
    assert torch.equal(result(after), together)


def test_attn2_replacements_see_their_rows(result, patched, micro):
    """As IPAdapter does: cross-attention replaced, with cond_or_uncond telling the rows apart."""
    from comfy.ldm.modules.attention import optimized_attention

    rows = []

    def attention(q, k, v, options):
        rows.append((q.shape[0], tuple(options["cond_or_uncond"])))
        return optimized_attention(q, k, v, options["n_heads"]) * 1.1

    model = micro.model.clone()
    for section, numbers in (("input", (1, 2)), ("middle", (0,)), ("output", (9, 10, 11))):
        for number in numbers:
            model.set_model_attn2_replace(attention, section, number)
    together = result(patched(model))
    assert golden.relative(together, result(patched())) > 1e-3
    assert all(count == FRAMES * len(chunks) for count, chunks in rows)


@pytest.mark.parametrize("first", [True, False])
def test_another_attn1_patch_acts_too(result, patched, micro, first):
    calls = []

    def scale(q, k, v, options):
        calls.append(k.shape[1])
        return q, k, v * 1.1

    model = patched() if not first else micro.model.clone()
    model = model.clone()
    model.set_model_attn1_patch(scale)
    model = patched(model) if first else model
    together = result(model)
    assert calls
    assert golden.relative(together, result(patched())) > 1e-3


def test_a_second_controlnet_in_the_chain_acts_too(result, patched, micro, pack):
    import comfy.sample

    inputs = golden.numbers("networks")
    apply = pack("nodes.pose_control").apply_pose
    text = [[inputs["context_cond"], {}]]
    poses = inputs["pose_map3"].movedim(1, -1)
    one, negative = apply(micro.control_net, poses[:2], text, None)
    two, _ = apply(micro.control_net, poses[1:], one, None, strength=0.5)
    noise = torch.randn(FRAMES, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    got = [
        comfy.sample.sample(
            patched(), noise, 1, 7.0, "euler", "normal", positive, negative, noise * 0, seed=0
        )
        for positive in (one, two)
    ]
    assert golden.relative(got[1], got[0]) > 1e-3
    assert one[0][1]["control"].previous_controlnet is None
    assert two[0][1]["control"].previous_controlnet is one[0][1]["control"]
