from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from magicpose_core.errors import CheckpointError, InputError
from magicpose_core.models.sd15 import UNetShape
from magicpose_core.weights.checkpoint import Checkpoint, TensorInfo, open_checkpoint
from magicpose_core.weights.contents import find_part
from magicpose_core.weights.heads import Heads
from magicpose_core.weights.ldm import unet_map
from magicpose_core.weights.loading import load_models
from magicpose_core.weights.lora import open_loras
from magicpose_core.weights.settings import LoraFile, ModelFiles

HEADS = {"heads": 4, "text_heads": 2}
QUERY = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"  # LDM and diffusers name of one layer
QUERY_THERE = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "middle_block.1.transformer_blocks.0.attn2.to_out.0"
OUT_THERE = "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0"
CONVOLUTION = "input_blocks.1.0.in_layers.2"
CONVOLUTION_THERE = "down_blocks.0.resnets.0.conv1"


@pytest.fixture
def unet(micro_checkpoint):
    return find_part(open_checkpoint(micro_checkpoint), "unet")


@pytest.fixture
def factors(unet):
    """Layer -> (up, down) of rank 3, random."""
    generator = torch.Generator().manual_seed(0)
    made = {}
    for layer in (QUERY, OUT, CONVOLUTION):
        out, *inside = unet.shapes[f"{layer}.weight"]
        up = torch.randn(out, 3, *[1] * (len(inside) - 1), generator=generator)
        made[layer] = (up, torch.randn(3, *inside, generator=generator))
    return made


def kohya(factors, name=str, alpha=None):
    state = {}
    for layer, (up, down) in factors.items():
        stem = f"lora_unet_{name(layer).replace('.', '_')}"
        state |= {f"{stem}.lora_up.weight": up, f"{stem}.lora_down.weight": down}
        if alpha is not None:
            state[f"{stem}.alpha"] = torch.tensor(float(alpha))
    return state


THERE = {QUERY: QUERY_THERE, OUT: OUT_THERE, CONVOLUTION: CONVOLUTION_THERE}


def saved(path: Path, state, **metadata):
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, path, metadata)
    return path


def merged(micro_checkpoint, *loras):
    return load_models(ModelFiles(checkpoint=micro_checkpoint, loras=loras, **HEADS)).denoiser


def test_the_difference_is_strength_alpha_over_rank_times_up_times_down(
    micro_checkpoint, micro_models, factors, tmp_path
):
    file = saved(tmp_path / "style.safetensors", kohya(factors, alpha=6))
    changed = merged(micro_checkpoint, LoraFile(file=file, strength=0.5)).unet.state_dict()
    stock = micro_models.denoiser.unet.state_dict()
    touched = {f"{THERE[layer]}.weight": factors[layer] for layer in factors}
    for key, tensor in stock.items():
        if key not in touched:
            assert torch.equal(changed[key], tensor), key
            continue
        up, down = touched[key]
        product = torch.einsum("or,r...->o...", up.flatten(1), down)
        torch.testing.assert_close(changed[key], tensor + 0.5 * 6 / 3 * product)


def test_the_appearance_control_model_and_the_file_stay_as_they_are(
    micro_checkpoint, micro_models, factors, tmp_path
):
    before = micro_checkpoint.read_bytes()
    denoiser = merged(
        micro_checkpoint,
        LoraFile(file=saved(tmp_path / "style.safetensors", kohya(factors))),
    )
    stock = micro_models.denoiser.appearance.state_dict()
    assert all(torch.equal(denoiser.appearance.state_dict()[key], stock[key]) for key in stock)
    assert micro_checkpoint.read_bytes() == before
    again = merged(micro_checkpoint).unet.state_dict()
    stock = micro_models.denoiser.unet.state_dict()
    assert all(torch.equal(again[key], stock[key]) for key in stock)


def spelled(factors, kind):
    """The same LoRA in the names of several programs."""
    if kind == "kohya, released names":
        return kohya(factors)
    if kind == "kohya, diffusers' names":
        return kohya(factors, THERE.get)
    up, down = {
        "peft": (".lora_B.weight", ".lora_A.weight"),
        "diffusers": (".lora.up.weight", ".lora.down.weight"),
        "adapter": (".lora_B.default.weight", ".lora_A.default.weight"),
        "old attention": ("_lora.up.weight", "_lora.down.weight"),
    }[kind]
    prefix = {"peft": "unet.", "adapter": "base_model.model."}.get(kind, "")
    state = {}
    for layer, (wide, narrow) in factors.items():
        name = THERE[layer]
        if kind == "old attention":  # early diffusers leaves out the 0 of to_out.0
            name = name.replace(".to_", ".processor.to_").removesuffix(".0")
        state |= {f"{prefix}{name}{up}": wide, f"{prefix}{name}{down}": narrow}
    return state


@pytest.mark.parametrize(
    "kind",
    ["kohya, diffusers' names", "peft", "diffusers", "adapter", "old attention"],
)
def test_every_spelling_of_a_lora_is_the_same_lora(unet, factors, tmp_path, kind):
    plain = saved(tmp_path / "plain.safetensors", spelled(factors, "kohya, released names"))
    other = saved(tmp_path / "other.safetensors", spelled(factors, kind))
    first, second = open_loras([LoraFile(file=plain), LoraFile(file=other)], unet, Heads(unet=4))
    assert set(first.layers) == set(second.layers) == {f"{layer}.weight" for layer in factors}
    for key in first.layers:
        assert torch.equal(first.difference(key), second.difference(key))


def test_several_loras_add_up(micro_checkpoint, micro_models, factors, tmp_path):
    file = saved(tmp_path / "style.safetensors", kohya(factors))
    loras = [LoraFile(file=file, strength=strength) for strength in (0.25, 0.5)]
    twice = merged(micro_checkpoint, *loras).unet.state_dict()
    once = merged(micro_checkpoint, LoraFile(file=file, strength=0.75)).unet.state_dict()
    for key, tensor in once.items():
        torch.testing.assert_close(twice[key], tensor)


def test_a_convolution_in_tuckers_form(unet, factors, tmp_path):
    up, _ = factors[CONVOLUTION]
    generator = torch.Generator().manual_seed(1)
    down = torch.randn(3, unet.shapes[f"{CONVOLUTION}.weight"][1], 1, 1, generator=generator)
    middle = torch.randn(3, 3, 3, 3, generator=generator)
    state = kohya({CONVOLUTION: (up, down)})
    state[f"lora_unet_{CONVOLUTION.replace('.', '_')}.lora_mid.weight"] = middle
    file = saved(tmp_path / "tucker.safetensors", state)
    (lora,) = open_loras([LoraFile(file=file)], unet, Heads(unet=4))
    picture = torch.randn(1, down.shape[1], 5, 5, generator=generator)
    chained = torch.nn.functional.conv2d(picture, down)
    chained = torch.nn.functional.conv2d(chained, middle, padding=1)
    chained = torch.nn.functional.conv2d(chained, up)
    weight = lora.difference(f"{CONVOLUTION}.weight").reshape(unet.shapes[f"{CONVOLUTION}.weight"])
    at_once = torch.nn.functional.conv2d(picture, weight, padding=1)
    torch.testing.assert_close(at_once, chained, rtol=1e-4, atol=1e-3)


def test_a_file_shaped_as_hyper_sds_fits_the_full_size_unet(golden_folder, tmp_path):
    """All 278 layers of the blocks, convolutions included, as consistency distillation trains."""
    keys = json.loads((golden_folder / "cldm_v15_reference_only_pose.keys.json").read_text())
    infos = {key: TensorInfo(tuple(shape), torch.float32) for key, shape in keys.items()}
    whole = find_part(Checkpoint(Path("model.th"), infos, lambda key: torch.empty(0)), "unet")
    names, state = unet_map(UNetShape()), {}
    for key, shape in whole.shapes.items():
        name = (names.diffusers_key(key) or "").removesuffix(".weight")
        in_a_block = name.startswith(("down_blocks.", "mid_block.", "up_blocks."))
        if key.endswith(".weight") and len(shape) > 1 and in_a_block:
            stem = f"lora_unet_{name.replace('.', '_')}"
            state[f"{stem}.lora_down.weight"] = torch.zeros(1, *shape[1:]).half()
            state[f"{stem}.lora_up.weight"] = torch.zeros(shape[0], 1, *[1] * len(shape[2:])).half()
            state[f"{stem}.alpha"] = torch.tensor(1.0).half()
    file = saved(tmp_path / "Hyper-SD15-8steps-CFG-lora.safetensors", state)
    (lora,) = open_loras([LoraFile(file=file)], whole)
    assert len(lora.layers) == 278


def test_the_text_encoders_tensors_are_passed_over_by_name(
    micro_checkpoint, factors, tmp_path, caplog
):
    text = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    state = kohya(factors) | {
        f"{text}.lora_up.weight": torch.ones(4, 1),
        f"{text}.lora_down.weight": torch.ones(1, 4),
    }
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        merged(micro_checkpoint, LoraFile(file=saved(tmp_path / "a.safetensors", state)))
    assert f"a.safetensors changes the text encoder too; its 2 tensors are passed over ({text}" in (
        caplog.text
    )


@pytest.mark.parametrize(
    ("alpha", "scale"), [({"unet.lora_alpha": 6, "unet.r": 3}, 2.0), ({}, 1.0)]
)
def test_the_alpha_that_diffusers_notes_counts(unet, factors, tmp_path, alpha, scale):
    noted = {"lora_adapter_metadata": json.dumps(alpha)}
    file = saved(tmp_path / "peft.safetensors", spelled(factors, "peft"), **noted)
    (lora,) = open_loras([LoraFile(file=file)], unet, Heads(unet=4))
    up, down = factors[QUERY]
    torch.testing.assert_close(lora.difference(f"{QUERY}.weight"), scale * up @ down)


def zeros(*shape):
    return torch.zeros(shape)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"lora_unet_a_b.lora_up.weight": zeros(4, 1)}, r"1 unknown \(lora_unet_a_b\.lora_up"),
        (
            {f"unet.{QUERY_THERE}.lora_B.weight": zeros(32, 1)},
            rf"1 incomplete \({QUERY}\.weight\)",
        ),
        (
            {
                f"unet.{QUERY_THERE}.lora_B.weight": zeros(320, 1),
                f"unet.{QUERY_THERE}.lora_A.weight": zeros(1, 320),
            },
            r"1 of another shape \(unet.*\(320, 320\), expected \(32, 32\)\)",
        ),
        ({"lora_unet_x.hada_w1_a": zeros(4, 1)}, r"is a LoHa \(lora_unet_x\.hada_w1_a\)"),
        (
            {"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": zeros(4, 1)},
            "holds no LoRA of the U-Net: it is a LoRA of the text encoder alone",
        ),
        (
            {"motion_modules.0.weight": zeros(4, 1)},
            r"1 unknown \(motion_modules\.0\.weight\)",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_the_file(unet, tmp_path, state, said):
    file = saved(tmp_path / "other.safetensors", state)
    with pytest.raises(CheckpointError, match=rf"other\.safetensors .*{said}") as raised:
        open_loras([LoraFile(file=file)], unet, Heads(unet=4))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("noted", [{"unet.use_rslora": True}, {"unet.alpha_pattern": {"a": 4}}])
def test_settings_of_peft_that_are_not_followed_are_refused(unet, factors, tmp_path, noted):
    file = saved(
        tmp_path / "peft.safetensors",
        spelled(factors, "peft"),
        lora_adapter_metadata=json.dumps(noted),
    )
    with pytest.raises(CheckpointError, match=r"peft\.safetensors notes .*, which is not followed"):
        open_loras([LoraFile(file=file)], unet, Heads(unet=4))


def test_numbers_that_are_not_finite_are_refused(micro_checkpoint, factors, tmp_path):
    factors[QUERY][0][0, 0] = float("nan")
    file = saved(tmp_path / "broken.safetensors", kohya(factors))
    with pytest.raises(CheckpointError, match=r"broken\.safetensors holds NaN or infinity"):
        merged(micro_checkpoint, LoraFile(file=file))


def test_a_strength_out_of_range_is_refused():
    with pytest.raises(InputError, match=r"strength must be a number in -100\.\.100, got 1000"):
        LoraFile(file=Path("a"), strength=1000)
