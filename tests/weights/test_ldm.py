from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.models.appearance import AppearanceControlModel
from magicpose_core.models.networks import Autoencoder, UNet
from magicpose_core.models.pose_control import PoseControlNet
from magicpose_core.models.sd15 import ControlNetShape, UNetShape, VaeShape, attention_layers
from magicpose_core.weights.contents import RELEASED_PREFIXES
from magicpose_core.weights.ldm import appearance_map, controlnet_map, unet_map, vae_map

FULL = (
    ("unet", lambda: UNet(UNetShape()), unet_map(UNetShape())),
    (
        "appearance",
        lambda: AppearanceControlModel(ControlNetShape()),
        appearance_map(UNetShape()),
    ),
    ("pose", lambda: PoseControlNet(ControlNetShape()), controlnet_map(ControlNetShape())),
    ("vae", lambda: Autoencoder(VaeShape()), vae_map(VaeShape())),
)


@pytest.mark.parametrize(("part", "build", "weight_map"), FULL, ids=[row[0] for row in FULL])
def test_full_size_networks_have_exactly_the_released_keys(golden_folder, part, build, weight_map):
    released = json.loads((golden_folder / "cldm_v15_reference_only_pose.keys.json").read_text())
    prefix = RELEASED_PREFIXES[part]
    expected = {
        key[len(prefix) :]: tuple(shape)
        for key, shape in released.items()
        if key.startswith(prefix)
    }
    with torch.device("meta"):
        state = build().state_dict()
    ours = {}
    for name, tensor in state.items():
        key = weight_map.ldm_key(name)
        assert key is not None, name
        assert weight_map.diffusers_key(key) == name
        ours[key] = tuple(weight_map.to_ldm(key, tensor).shape)
        assert weight_map.to_diffusers(key, weight_map.to_ldm(key, tensor)).shape == tensor.shape
    assert ours == expected


@given(
    levels=st.lists(st.booleans(), min_size=1, max_size=5),
    resnets=st.integers(1, 3),
)
@settings(max_examples=20, derandomize=True, deadline=None)
def test_any_plan_maps_both_ways_without_loss(levels, resnets):
    shape = UNetShape(
        channels=(32,) * len(levels), attention=tuple(levels), resnets=resnets, context=16, heads=4
    )
    weight_map = unet_map(shape)
    with torch.device("meta"):
        names = UNet(shape).state_dict()
    keys = [weight_map.ldm_key(name) for name in names]
    assert None not in keys
    assert len(set(keys)) == len(names)
    assert [weight_map.diffusers_key(key) for key in keys] == list(names)


def test_unknown_keys_have_no_counterpart():
    weight_map = unet_map(UNetShape())
    assert weight_map.diffusers_key("input_blocks.99.0.in_layers.0.weight") is None
    assert weight_map.ldm_key("add_embedding.linear_1.weight") is None


def test_the_sixteen_attention_layers_in_comfyui_numbers():
    layers = attention_layers(UNetShape())
    assert [layer.comfy for layer in layers] == [
        *(("input", index) for index in (1, 2, 4, 5, 7, 8)),
        ("middle", 0),
        *(("output", index) for index in range(3, 12)),
    ]
