from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from magicpose_core.errors import CheckpointError
from magicpose_core.models.networks import Autoencoder, UNet
from magicpose_core.models.sd15 import UNetShape, VaeShape
from magicpose_core.weights.checkpoint import Checkpoint, TensorInfo, open_checkpoint
from magicpose_core.weights.contents import describe, find_part, find_parts, leftover_keys
from magicpose_core.weights.convert import convert
from magicpose_core.weights.infer import controlnet_shape, text_shape, unet_shape, vae_shape
from magicpose_core.weights.ldm import unet_map, vae_map
from magicpose_core.weights.loading import load_models
from magicpose_core.weights.misfit import find_misfit
from magicpose_core.weights.settings import ModelFiles

HEADS = {"heads": 4, "text_heads": 2}


def state_of(models):
    networks = {
        "unet": models.denoiser.unet,
        "appearance": models.denoiser.appearance,
        "pose": models.denoiser.pose,
        "vae": models.vae,
        "text": models.text,
    }
    return {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }


def assert_same_models(ours, theirs):
    first, second = state_of(ours), state_of(theirs)
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        assert torch.equal(tensor, second[key]), key


def pick(state, *prefixes):
    """Take the keys below some prefixes, contiguous as files want them."""
    return {key: tensor.contiguous() for key, tensor in state.items() if key.startswith(prefixes)}


def rename(state, old, new):
    return {new + key[len(old) :]: tensor for key, tensor in state.items() if key.startswith(old)}


BASE = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.")


def test_architectures_are_read_off_full_size_shapes(golden_folder):
    keys = json.loads((golden_folder / "cldm_v15_reference_only_pose.keys.json").read_text())

    def below(prefix):
        return {k[len(prefix) :]: tuple(s) for k, s in keys.items() if k.startswith(prefix)}

    assert unet_shape(below("model.diffusion_model.")) == UNetShape()
    assert controlnet_shape(below("pose_control_model.")).unet == UNetShape()
    assert controlnet_shape(below("appearance_control_model.")).hint_channels == (16, 32, 96, 256)
    assert vae_shape(below("first_stage_model.")) == VaeShape()
    text = text_shape(below("cond_stage_model."))
    assert (text.width, text.layers, text.heads, text.feed_forward) == (768, 12, 12, 3072)


def test_all_2182_keys_of_the_released_layout_are_accounted_for(golden_folder):
    keys = json.loads((golden_folder / "cldm_v15_reference_only_pose.keys.json").read_text())
    infos = {key: TensorInfo(tuple(shape), torch.float32) for key, shape in keys.items()}
    file = Checkpoint(Path("model_state-110000.th"), infos, lambda key: torch.empty(0))
    parts = find_parts(file)
    assert {name: len(part.keys) for name, part in parts.items()} == {
        "unet": 686,
        "appearance": 698,
        "pose": 340,
        "vae": 248,
        "text": 197,
    }
    assert sum(len(part.keys) for part in parts.values()) + len(leftover_keys(file)) == 2182
    assert len(leftover_keys(file)) == 13
    assert describe(file) == "a whole MagicPose model"
    assert not any(str(find_misfit(part)) for name, part in parts.items() if name != "text")


@pytest.mark.parametrize(
    ("key_list", "what", "appearance", "pose"),
    [
        ("cldm_v15_reference_only.keys.json", "stage 1", 698, 0),
        ("control_sd15_ini.expected_keys.json", "control_sd15_ini", 0, 340),
        ("control_v11p_sd15_openpose.expected_keys.json", "a lone pose ControlNet", 0, 340),
    ],
)
def test_the_other_released_layouts_are_recognised(golden_folder, key_list, what, appearance, pose):
    keys = json.loads((golden_folder / key_list).read_text())
    infos = {key: TensorInfo(tuple(shape), torch.float32) for key, shape in keys.items()}
    file = Checkpoint(Path("x.th"), infos, lambda key: torch.empty(0))
    parts = find_parts(file)
    assert what in describe(file)
    assert len(parts["appearance"].keys if "appearance" in parts else ()) == appearance
    assert len(parts["pose"].keys if "pose" in parts else ()) == pose


def test_all_keys_of_the_small_file_fit(micro_checkpoint):
    file = open_checkpoint(micro_checkpoint)
    parts = find_parts(file)
    assert sum(len(part.keys) for part in parts.values()) + len(leftover_keys(file)) == 2012
    assert not any(str(find_misfit(part)) for part in parts.values())


def test_a_model_put_together_from_several_files_is_the_whole_one(
    micro_state, micro_stage1_state, micro_models, tmp_path
):
    base = pick(micro_state, *BASE)
    stage1 = rename(micro_state, "appearance_control_model.", "control_model.")
    openpose = rename(micro_state, "pose_control_model.", "control_model.")
    bare = rename(micro_state, "pose_control_model.", "")
    torch.save({"state_dict": base}, tmp_path / "sd15.ckpt")
    torch.save({**base, **stage1}, tmp_path / "stage1.th")
    torch.save(openpose, tmp_path / "openpose.pth")
    save_file(bare, tmp_path / "bare.safetensors")
    assert describe(open_checkpoint(tmp_path / "sd15.ckpt")) == "a Stable Diffusion 1.5 model"
    assert "stage 1" in describe(open_checkpoint(tmp_path / "stage1.th"))
    assert describe(open_checkpoint(tmp_path / "openpose.pth")) == "a lone pose ControlNet"
    for pose in ("openpose.pth", "bare.safetensors"):
        models = load_models(
            ModelFiles(
                checkpoint=tmp_path / "sd15.ckpt",
                appearance_model=tmp_path / "stage1.th",
                pose_controlnet=tmp_path / pose,
                **HEADS,
            )
        )
        assert_same_models(models, micro_models)
    from_stage1 = load_models(
        ModelFiles(
            checkpoint=tmp_path / "stage1.th", pose_controlnet=tmp_path / "openpose.pth", **HEADS
        )
    )
    assert_same_models(from_stage1, micro_models)


def test_a_diffusers_folder_is_one_more_weight_file(micro_state, micro_models, tmp_path):
    unet, vae = micro_models.denoiser.unet, micro_models.vae
    unet.save_pretrained(tmp_path / "sd15" / "unet")
    vae.save_pretrained(tmp_path / "sd15" / "vae")
    micro_models.text.clip.save_pretrained(tmp_path / "sd15" / "text_encoder")
    control = micro_models.denoiser.pose.controlnet.state_dict() | {
        f"controlnet_cond_embedding.{key}": tensor
        for key, tensor in micro_models.denoiser.pose.hint_embedding.state_dict().items()
    }
    (tmp_path / "pose").mkdir()
    save_file(control, tmp_path / "pose" / "diffusion_pytorch_model.safetensors")
    torch.save(pick(micro_state, "appearance_control_model."), tmp_path / "appearance.pth")
    models = load_models(
        ModelFiles(
            checkpoint=tmp_path / "sd15",
            appearance_model=tmp_path / "appearance.pth",
            pose_controlnet=tmp_path / "pose",
            **HEADS,
        )
    )
    assert_same_models(models, micro_models)
    convert([tmp_path / "sd15"], tmp_path / "converted.safetensors", dtype=torch.float32)
    converted = open_checkpoint(tmp_path / "converted.safetensors")
    for key, tensor in pick(micro_state, *BASE).items():
        if not key.endswith("position_ids"):
            assert torch.equal(converted.read(key), tensor), key


def test_the_published_autoencoder_with_its_old_names(micro_models, tmp_path):
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    state = {}
    for key, tensor in micro_models.vae.state_dict().items():
        for new, name in old.items():
            key = key.replace(new, name)
        state[key] = tensor
    save_file(state, tmp_path / "vae.safetensors")
    part = find_part(open_checkpoint(tmp_path / "vae.safetensors"), "vae")
    assert not str(find_misfit(part))


def test_heads_come_from_the_metadata_and_the_settings_win(micro_checkpoint, tmp_path, golden):
    path = tmp_path / "micro.safetensors"
    convert([micro_checkpoint], path, dtype=torch.float32, **HEADS)
    models = load_models(ModelFiles(checkpoint=path))
    assert models.denoiser.unet.config.attention_head_dim == 4
    assert models.text.clip.config.num_attention_heads == 2
    other = load_models(ModelFiles(checkpoint=path, heads=8))
    assert other.denoiser.unet.config.attention_head_dim == 8


@pytest.mark.parametrize("note", ["many", "0", "-4"])
def test_a_note_that_is_no_number_of_heads_is_refused(micro_state, tmp_path, note):
    path = tmp_path / "noted.safetensors"
    state = {key: tensor.contiguous() for key, tensor in micro_state.items()}
    save_file(state, path, {"magicpose.heads": note})
    with pytest.raises(CheckpointError, match=rf"got '{note}'; say it as heads"):
        load_models(ModelFiles(checkpoint=path))


def test_text_heads_that_twelve_does_not_divide_are_warned_about(micro_checkpoint, caplog):
    shapes = find_part(open_checkpoint(micro_checkpoint), "text").shapes
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        assert text_shape(shapes).heads == 8
    assert "text_heads" in caplog.text


@pytest.mark.parametrize(("name", "width"), [("heads", 32), ("text_heads", 16)])
def test_heads_that_do_not_divide_the_channels_are_refused(micro_checkpoint, name, width):
    files = ModelFiles(checkpoint=micro_checkpoint, **{**HEADS, name: 5})
    with pytest.raises(CheckpointError, match=f"5 attention heads .* its {width} channels"):
        load_models(files)


def test_what_is_missing_unexpected_or_reshaped_is_said(micro_state, tmp_path):
    broken = dict(micro_state)
    del broken["model.diffusion_model.out.0.weight"]
    broken["model.diffusion_model.label_emb.0.0.weight"] = torch.ones(1)
    broken["model.diffusion_model.time_embed.2.bias"] = torch.ones(5)
    torch.save(broken, tmp_path / "broken.th")
    with pytest.raises(CheckpointError) as caught:
        load_models(ModelFiles(checkpoint=tmp_path / "broken.th", **HEADS))
    for text in (
        "U-Net in broken.th does not fit",
        "1 missing (out.0.weight)",
        "1 unexpected (label_emb.0.0.weight)",
        "time_embed.2.bias (5,), expected (128,)",
        "seems to be a whole MagicPose model",
    ):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"lora_unet_down_blocks_0.lora_down.weight": (4, 8)}, "a LoRA"),
        ({"conditioner.embedders.0.x": (1,)}, "a Stable Diffusion XL model"),
        ({"model.diffusion_model.x.attn2.to_k.weight": (8, 1024)}, "a Stable Diffusion 2 model"),
        ({"double_blocks.0.img_attn.qkv.weight": (8, 8)}, "Flux"),
        ({"down_blocks.0.motion_modules.0.x": (1,)}, "is a motion module"),
        ({"model.diffusion_model.input_blocks.0.0.weight": (8, 9, 3, 3)}, "inpainting"),
        ({"foo.bar": (1,)}, r"something unknown \(first keys: foo.bar\)"),
    ],
)
def test_other_models_are_called_by_their_name(tmp_path, keys, text):
    save_file({key: torch.zeros(shape) for key, shape in keys.items()}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=text):
        load_models(ModelFiles(checkpoint=tmp_path / "x.safetensors"))


def test_a_missing_part_names_the_option_that_adds_it(micro_state, tmp_path):
    torch.save(pick(micro_state, *BASE), tmp_path / "sd15.ckpt")
    with pytest.raises(CheckpointError, match="add appearance_model, pose_controlnet"):
        load_models(ModelFiles(checkpoint=tmp_path / "sd15.ckpt", **HEADS))
    with pytest.raises(CheckpointError, match=r"holds no pose ControlNet.*Stable Diffusion 1.5"):
        load_models(
            ModelFiles(
                checkpoint=tmp_path / "sd15.ckpt", pose_controlnet=tmp_path / "sd15.ckpt", **HEADS
            )
        )


def test_random_narrow_networks_load_like_full_ones(tmp_path):
    shape = UNetShape(
        channels=(64, 96),
        attention=(False, True),
        resnets=1,
        context=24,
        heads=8,
        latent_channels=3,
    )
    vae = VaeShape(channels=(32, 64, 64), resnets=1, latent_channels=3)
    state = {
        f"model.diffusion_model.{unet_map(shape).ldm_key(key)}": tensor
        for key, tensor in UNet(shape).state_dict().items()
    }
    weight_map = vae_map(vae)
    for name, tensor in Autoencoder(vae).state_dict().items():
        key = weight_map.ldm_key(name)
        state[f"first_stage_model.{key}"] = weight_map.to_ldm(key, tensor)
    save_file(state, tmp_path / "narrow.safetensors")
    file = open_checkpoint(tmp_path / "narrow.safetensors")
    assert unet_shape(find_part(file, "unet").shapes) == shape
    assert vae_shape(find_part(file, "vae").shapes) == vae
    assert not any(str(find_misfit(part)) for part in find_parts(file).values())
