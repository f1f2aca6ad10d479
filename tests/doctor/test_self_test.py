"""The self-test finds nothing on a sound machine, and names the part that is wrong on another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from magicpose_core.doctor import examine, micro_model
from magicpose_core.doctor.self_test import BOUNDS, self_test

from .write_golden import shipped_keys, shipped_numbers

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def models():
    return micro_model.load_micro_models()


@pytest.fixture
def fp32_only(monkeypatch):
    monkeypatch.setattr(examine, "precisions", lambda device: [torch.float32])


def wrong_parts(models, dtype=torch.float32):
    numbers = micro_model.golden_numbers()
    return [each.part for each in self_test(models, numbers, CPU, dtype) if each.wrong]


def test_shipped_numbers_are_the_authors():
    shipped = load_file(micro_model.GOLDEN)
    chosen = shipped_numbers()
    assert sorted(shipped) == sorted(chosen)
    assert all(torch.equal(shipped[name], chosen[name]) for name in chosen)
    assert micro_model.KEYS.read_text(encoding="ascii") == shipped_keys()


def test_a_sound_machine_is_right_and_the_models_stay_as_they_are(models):
    before = {name: tensor.clone() for name, tensor in models.vae.state_dict().items()}
    assert wrong_parts(models) == []
    for name, tensor in models.vae.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_bounds_of_fp32_are_those_of_the_golden_tests():
    assert BOUNDS[torch.float32] == (1e-5, 1e-4)


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "text encoder"),
        ("first_stage_model.encoder.conv_in.weight", "encoder of the VAE"),
        ("first_stage_model.decoder.conv_out.weight", "decoder of the VAE"),
        (
            "appearance_control_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
            "appearance control model",
        ),
        ("pose_control_model.input_hint_block.0.weight", "pose ControlNet"),
        ("model.diffusion_model.output_blocks.5.0.in_layers.2.weight", "U-Net"),
    ],
)
def test_a_weight_changed_by_a_hundredth_is_told_by_its_part(monkeypatch, fp32_only, key, part):
    def nearly(name, shape, draw=micro_model.draw_weight):
        drawn = draw(name, shape)
        if name == key:
            drawn.view(-1)[0] += 1e-2
        return drawn

    monkeypatch.setattr(micro_model, "draw_weight", nearly)
    (finding,) = examine._self_tests([CPU])
    assert finding.wrong
    assert finding.seen.startswith(f"the {part} computes other numbers: ")
    assert "install the package again" in finding.remedy


def test_a_wrong_beta_schedule_is_told(monkeypatch, fp32_only):
    linear = np.linspace(0.00085, 0.0120, 1000)  # linear itself instead of in its square root
    monkeypatch.setattr("magicpose_core.sampling.schedules.betas", lambda _="linear": linear)
    (finding,) = examine._self_tests([CPU])
    assert finding.wrong
    assert finding.seen.startswith("the noise schedule computes other numbers: ")
    assert finding.seen.endswith("then also the whole run of 4 steps")


def test_nan_is_wrong(models):
    numbers = dict(micro_model.golden_numbers())
    numbers["moments"] = torch.full_like(numbers["moments"], torch.nan)
    assert "encoder of the VAE" in [
        each.part for each in self_test(models, numbers, CPU, torch.float32) if each.wrong
    ]


def test_a_device_that_fails_is_a_finding(fp32_only):
    (finding,) = examine._self_tests([torch.device("cuda", 99)])
    assert finding.wrong
    assert finding.what == "cuda:99 in fp32"
    assert "run on the device cpu" in finding.remedy
