from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from magicpose_core.errors import CheckpointError
from magicpose_core.weights.checkpoint import Checkpoint, TensorInfo
from magicpose_core.weights.misfit import find_misfit
from magicpose_core.weights.start import start_appearance


def released(golden_folder, name, keep=lambda key: True):
    keys = json.loads((golden_folder / name).read_text())
    infos = {k: TensorInfo(tuple(s), torch.float32) for k, s in keys.items() if keep(k)}
    return Checkpoint(Path(name), infos, lambda key: torch.empty(0))


def test_stage_1_from_control_sd15_ini_takes_its_encoder_and_the_unets_decoder(golden_folder):
    part = start_appearance(released(golden_folder, "control_sd15_ini.expected_keys.json"))
    wanted = released(golden_folder, "cldm_v15_reference_only.keys.json").tensors
    prefix = "control_model."
    assert set(part.keys) == {k[len(prefix) :] for k in wanted if k.startswith(prefix)}
    for key, stored in part.keys.items():
        origin = "model.diffusion_model." if key.startswith("output_blocks") else prefix
        assert stored == origin + key
    assert not str(find_misfit(part))


def test_stage_1_from_plain_sd15_copies_the_unet_without_its_head(golden_folder):
    file = released(
        golden_folder,
        "control_sd15_ini.expected_keys.json",
        keep=lambda key: not key.startswith("control_model."),
    )
    part = start_appearance(file)
    assert all(stored == f"model.diffusion_model.{key}" for key, stored in part.keys.items())
    assert not any(key.startswith("out.") for key in part.keys)
    assert not str(find_misfit(part))


def test_stage_2_goes_on_from_the_stage_1_file(golden_folder):
    part = start_appearance(released(golden_folder, "cldm_v15_reference_only.keys.json"))
    assert len(part.keys) == 698
    assert all(stored == f"control_model.{key}" for key, stored in part.keys.items())


def test_a_file_without_a_unet_is_refused(golden_folder):
    file = released(golden_folder, "control_v11p_sd15_openpose.expected_keys.json")
    with pytest.raises(CheckpointError, match="a lone pose ControlNet; the appearance"):
        start_appearance(file)
