from __future__ import annotations

import dataclasses

import pytest
import torch
from diffusers import MotionAdapter
from safetensors.torch import load_file, save_file

from magicpose_core.cli.inspect import report
from magicpose_core.errors import CheckpointError
from magicpose_core.models.motion import MotionModule
from magicpose_core.models.motion_plan import MotionShape, motion_places
from magicpose_core.models.sd15 import UNetShape
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import describe, find_part, find_parts
from magicpose_core.weights.convert import convert
from magicpose_core.weights.loading import load_models, load_network
from magicpose_core.weights.motion import motion_map, table_of_positions
from magicpose_core.weights.recipes import MOTION
from magicpose_core.weights.settings import ModelFiles

from ..motion_files import VERSIONS, original_state, random_module, save_original

FULL = {
    "v1": (MotionShape(positions=24), 20, 560),
    "v2": (MotionShape(positions=32, middle=True), 21, 588),
    "v3": (MotionShape(), 20, 560),
}


@pytest.mark.parametrize("version", FULL)
def test_full_size_modules_have_exactly_the_keys_that_diffusers_converts(version):
    from diffusers.loaders.single_file_utils import convert_animatediff_checkpoint_to_diffusers

    shape, modules, keys = FULL[version]
    with torch.device("meta"):
        module = MotionModule(shape)
    original = original_state(module)
    assert shape.modules == modules
    assert len(original) == keys
    theirs = convert_animatediff_checkpoint_to_diffusers(dict(original))  # it drops the tables
    wanted = {name for name in module.state_dict() if not name.endswith(".pe")}
    assert set(theirs) == wanted


@pytest.mark.parametrize("version", FULL)
def test_keys_map_there_and_back(version):
    shape, _, _ = FULL[version]
    weight_map = motion_map(shape)
    with torch.device("meta"):
        names = list(MotionModule(shape).state_dict())
    keys = [weight_map.ldm_key(name) for name in names]
    assert None not in keys
    assert len(set(keys)) == len(names)
    assert [weight_map.diffusers_key(key) for key in keys] == names


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_authors_files_load_bit_for_bit(tmp_path, version, suffix):
    module = random_module(VERSIONS[version])
    tables = version != "AnimateLCM"
    path = save_original(module, tmp_path / f"mm{suffix}", tables=tables)
    file = open_checkpoint(path)
    assert version in describe(file)
    loaded = load_network(MOTION, find_part(file, "motion"))
    assert loaded.shape == module.shape
    for name, tensor in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_a_diffusers_folder_becomes_an_original_file_and_back(tmp_path, version):
    module = random_module(VERSIONS[version])
    module.save_pretrained(tmp_path / "adapter")
    out = tmp_path / "mm.safetensors"
    convert([tmp_path / "adapter"], out, dtype=torch.float32)
    expected = original_state(module)
    written = load_file(out)
    assert written.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(written[key], tensor), key
    loaded = load_network(MOTION, find_part(open_checkpoint(out), "motion"))
    there = MotionAdapter.from_pretrained(tmp_path / "adapter").state_dict()
    assert loaded.state_dict().keys() == there.keys()
    for name, tensor in there.items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_the_table_that_files_leave_out_is_diffusers():
    module = random_module(VERSIONS["v3"])
    names = [name for name in module.state_dict() if name.endswith(".pe")]
    assert len(names) == 20
    for name in names:
        table = module.state_dict()[name]
        assert torch.equal(table_of_positions(name, tuple(table.shape)), table)


def test_heads_come_from_the_file_where_it_notes_them(tmp_path):
    shape = dataclasses.replace(VERSIONS["v3"], heads=4)
    path = save_original(random_module(shape), tmp_path / "mm.safetensors")
    save_file(load_file(path), path, {"magicpose.heads": "4"})
    assert load_network(MOTION, find_part(open_checkpoint(path), "motion")).shape == shape


def test_inspect_says_what_it_is(tmp_path):
    path = save_original(random_module(VERSIONS["v2"]), tmp_path / "mm.safetensors")
    lines = report(open_checkpoint(path))
    told = "a motion module (AnimateDiff v2: 21 temporal transformers, 32 positions)"
    assert lines[0] == f"{path}: {told}"
    assert lines[1].startswith("  motion module: 588 keys (no prefix), 1.")
    assert not any("does not load" in line or "no sub-model" in line for line in lines)


def test_missing_and_unknown_keys_are_named(tmp_path):
    path = save_original(random_module(VERSIONS["v3"]), tmp_path / "mm.safetensors")
    state = load_file(path)
    inside = "down_blocks.1.motion_modules.0.temporal_transformer."
    del state[f"{inside}proj_out.bias"]
    state[f"{inside}extra.weight"] = torch.zeros(1)
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"mm\.safetensors does not fit: 1 missing") as told:
        load_network(MOTION, find_part(open_checkpoint(path), "motion"))
    assert f"{inside}proj_out.bias" in str(told.value)
    assert f"1 unexpected ({inside}extra.weight)" in str(told.value)


def test_two_tables_that_differ_are_refused(tmp_path):
    path = save_original(random_module(VERSIONS["v3"]), tmp_path / "mm.safetensors")
    state = load_file(path)
    key = next(key for key in state if "attention_blocks.1.pos_encoder" in key)
    state[key] = state[key] + 1
    save_file(state, path)
    with pytest.raises(CheckpointError, match="holds other numbers under"):
        load_network(MOTION, find_part(open_checkpoint(path), "motion"))


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("img_encoder.x.weight", "AnimateLCM-I2V"),
        ("fps_embedding.linear.weight", "FancyVideo"),
        ("controlnet_cond_embedding.weight", "SparseCtrl"),
        ("down_blocks.0.motion_modules.0.temporal_transformer.x.to_q_lora.down.weight", "LoRA"),
        ("down_blocks.0.temporal_attentions.0.norm.weight", "HotShot-XL"),
    ],
)
def test_relatives_are_told_apart_by_name(tmp_path, extra, told):
    path = save_original(random_module(VERSIONS["v3"]), tmp_path / "other.safetensors")
    save_file({**load_file(path), extra: torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=f"holds no motion module; it seems to be .*{told}"):
        find_part(open_checkpoint(path), "motion")


def test_a_module_of_three_levels_is_for_another_model(tmp_path):
    shape = MotionShape(channels=(32, 64, 64))
    path = save_original(random_module(shape), tmp_path / "xl.safetensors")
    with pytest.raises(CheckpointError, match="Stable Diffusion XL"):
        find_part(open_checkpoint(path), "motion")


def test_a_module_in_the_place_of_a_model_is_named(tmp_path):
    path = save_original(random_module(VERSIONS["v1"]), tmp_path / "mm.safetensors")
    with pytest.raises(CheckpointError, match=r"mm\.safetensors is a motion module .*expected a"):
        load_models(ModelFiles(checkpoint=path))


def test_a_model_in_the_place_of_a_module_is_named(micro_checkpoint):
    with pytest.raises(CheckpointError, match="holds no motion module; it seems to be a whole"):
        find_part(open_checkpoint(micro_checkpoint), "motion")


def test_a_module_lies_beside_a_model_in_one_file(micro_checkpoint, tmp_path):
    module = save_original(random_module(VERSIONS["v3"]), tmp_path / "mm.safetensors")
    out = tmp_path / "both.safetensors"
    convert([micro_checkpoint, module], out, dtype=torch.float32)
    file = open_checkpoint(out)
    assert set(find_parts(file)) == {"unet", "appearance", "pose", "vae", "text", "motion"}
    assert describe(file) == "a whole MagicPose model and a motion module"
    split = convert([out], tmp_path / "split", dtype=torch.float32, split=True)
    assert [path.name for path in split][-1] == "motion.safetensors"
    assert load_file(split[-1]).keys() == load_file(module).keys()


@pytest.mark.parametrize("middle", [False, True])
def test_places_are_the_modules_in_order_of_computation(middle):
    shape = MotionShape(middle=middle)
    places = list(motion_places(shape, UNetShape()))
    with torch.device("meta"):
        module = MotionModule(shape)
    names = [n for n, m in module.named_modules() if n.split(".")[-2:-1] == ["motion_modules"]]
    assert sorted(place.name for place in places) == sorted(names)
    assert [place.follows for place in places] == [
        *(f"input_blocks.{index}.1" for index in (1, 2, 4, 5, 7, 8)),
        *("input_blocks.10.0", "input_blocks.11.0"),
        *(["middle_block.1"] if middle else []),
        *(f"output_blocks.{index}.0" for index in range(3)),
        *(f"output_blocks.{index}.1" for index in range(3, 12)),
    ]
