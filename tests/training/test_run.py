"""The stages one after the other on a tiny model: what they train, and that exports load."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file

from magicpose_core.data.dancers.export import ClipExport, write_dancer_clip
from magicpose_core.errors import CheckpointError, InputError
from magicpose_core.training.config import DataConfig, StartConfig, TrainingConfig
from magicpose_core.training.run import train_stage
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import describe
from magicpose_core.weights.loading import load_models
from magicpose_core.weights.settings import ModelFiles


@pytest.fixture(scope="module")
def base(base_config: TrainingConfig) -> Path:
    return train_stage("base", base_config)


@pytest.fixture(scope="module")
def stage1(base_config: TrainingConfig, base: Path) -> Path:
    start, run = StartConfig(checkpoint=base), replace(base_config.run, sample_every=0)
    output = base_config.output.with_name("stage1")
    return train_stage("stage1", replace(base_config, output=output, start=start, run=run))


@pytest.fixture
def stage2_config(base_config: TrainingConfig, stage1: Path, tmp_path: Path) -> TrainingConfig:
    return replace(
        base_config,
        output=tmp_path / "stage2",
        start=StartConfig(checkpoint=stage1),
        run=replace(base_config.run, sample_every=0),
    )


def test_the_base_draws_samples_of_heldout_people(base, base_config):
    assert (base_config.output / "samples" / "0000001.png").is_file()


def test_exports_are_what_they_say(base, stage1):
    assert describe(open_checkpoint(base)) == "a whole MagicPose model"
    assert "stage 1" in describe(open_checkpoint(stage1))


def test_stage1_moves_the_appearance_model_alone(base, stage1):
    before, after = load_file(base), load_file(stage1)
    for key, tensor in after.items():
        old = before[key.replace("control_model.", "appearance_control_model.")]
        assert key.startswith("control_model.") or torch.equal(tensor, old), key
    moved = "input_blocks.0.0.weight"
    assert not torch.equal(
        after[f"control_model.{moved}"], before[f"appearance_control_model.{moved}"]
    )


def test_stage2_takes_both_files_and_moves_appearance_and_pose(base, stage1, stage2_config):
    start = StartConfig(checkpoint=stage1, pose_controlnet=base)
    stage2 = train_stage("stage2", replace(stage2_config, start=start))
    before = {
        **load_file(base),
        **{
            key.replace("control_model.", "appearance_control_model."): tensor
            for key, tensor in load_file(stage1).items()
        },
    }
    trained = ("appearance_control_model.", "pose_control_model.")
    moved = dict.fromkeys(trained, False)
    for key, tensor in load_file(stage2).items():
        if not key.startswith(trained):
            assert torch.equal(tensor, before[key]), key
        elif not torch.equal(tensor, before[key]):
            moved[key.partition(".")[0] + "."] = True
    assert all(moved.values())
    models = load_models(ModelFiles(checkpoint=stage2))
    assert models.denoiser.unet.config.attention_head_dim == 4


def test_stage2_without_a_controlnet_starts_from_a_copy_of_the_unet(stage2_config):
    still = replace(stage2_config.optimizer, learning_rate=0.0)
    stored = load_file(train_stage("stage2", replace(stage2_config, optimizer=still)))
    copied = "input_blocks.1.0.in_layers.2.weight"
    assert torch.equal(
        stored[f"pose_control_model.{copied}"], stored[f"model.diffusion_model.{copied}"]
    )
    assert stored["pose_control_model.zero_convs.3.0.weight"].abs().max() == 0


def test_frozen_half_precision_and_checkpointing_train_the_same_way(base, stage1, stage2_config):
    start = StartConfig(checkpoint=stage1, pose_controlnet=base)
    lean = replace(
        stage2_config.run,
        mixed_precision="bf16",
        frozen_dtype="bf16",
        gradient_checkpointing=True,
    )
    plain, saving = (
        replace(stage2_config, output=stage2_config.output / name, start=start, run=run)
        for name, run in (("plain", stage2_config.run), ("lean", lean))
    )
    first = load_file(train_stage("stage2", plain))
    AcceleratorState._reset_state()
    second = load_file(train_stage("stage2", saving))
    key = "appearance_control_model.input_blocks.0.0.weight"
    before = load_file(base)["appearance_control_model.input_blocks.0.0.weight"]
    moves = [(tensors[key] - before).flatten() for tensors in (first, second)]
    assert torch.cosine_similarity(*moves, dim=0) > 0.8
    frozen = [key for key in first if key.startswith("model.diffusion_model.")]
    assert all(torch.equal(first[key], second[key]) for key in frozen)


def test_stage2_wants_the_file_of_stage1(tiny_vae_file, base, stage2_config, tmp_path):
    plain = {
        key: tensor
        for key, tensor in load_file(base).items()
        if not key.startswith(("appearance_control_model.", "pose_control_model."))
    }
    save_file(plain, tmp_path / "plain.safetensors")
    config = replace(stage2_config, start=StartConfig(checkpoint=tmp_path / "plain.safetensors"))
    with pytest.raises(InputError, match="holds no appearance control model, which stage 2 goes"):
        train_stage("stage2", config)


def test_a_resumed_base_equals_an_uninterrupted_one(base_config, tmp_path):
    run = replace(base_config.run, steps=2, sample_every=0)
    optimizer = replace(base_config.optimizer, ema=0.9)
    objective = replace(base_config.objective, weighting="debiased", offset_noise=0.1)
    exports = []
    for name, stops in (("whole", (2,)), ("resumed", (1, 2))):
        config = replace(
            base_config,
            output=tmp_path / name,
            run=run,
            optimizer=optimizer,
            objective=objective,
        )
        for stop in stops:
            exported = train_stage("base", config, stop_at=stop)
        exports.append(load_file(exported))
    assert all(torch.equal(tensor, exports[1][key]) for key, tensor in exports[0].items())


def test_own_videos_are_trained_on(base, base_config, tmp_path):
    for index in range(2):
        for split in ("train", "heldout"):
            write_dancer_clip(tmp_path, ClipExport(index=index, split=split, count=2, size=128))
    data = DataConfig(
        source="tiktok", folder=tmp_path, size=128, heldout=1, cache=tmp_path / "cache"
    )
    config = replace(
        base_config, output=tmp_path / "run", data=data, start=StartConfig(checkpoint=base)
    )
    assert train_stage("stage1", config).is_file()
    assert (tmp_path / "run" / "samples" / "0000001.png").is_file()
    index = json.loads((tmp_path / "cache" / "train" / "index.json").read_text())
    assert [subject["end"] - subject["first"] for subject in index["subjects"]] == [2, 2]


def test_frozen_half_precision_needs_mixed_precision(base, stage2_config):
    config = replace(stage2_config, run=replace(stage2_config.run, frozen_dtype="bf16"))
    with pytest.raises(InputError, match=r"frozen_dtype bf16 needs run\.mixed_precision"):
        train_stage("stage2", config)


def test_a_decoder_learns_alone_and_the_latents_stay(vae_config, tiny_vae_file):
    config = replace(
        vae_config,
        start=StartConfig(vae=tiny_vae_file),
        objective=replace(vae_config.objective, frozen_encoder=True),
    )
    before, after = load_file(tiny_vae_file), load_file(train_stage("vae", config))
    moved = {key for key, tensor in after.items() if not torch.equal(tensor, before[key])}
    assert moved
    assert {key.split(".")[1] for key in moved} == {"decoder", "post_quant_conv"}


def test_an_encoder_that_stays_must_be_given(vae_config):
    objective = replace(vae_config.objective, frozen_encoder=True)
    with pytest.raises(InputError, match=r"frozen_encoder needs start\.vae"):
        train_stage("vae", replace(vae_config, objective=objective))


def test_a_checkpoint_of_another_stage_is_refused(base, base_config):
    config = replace(base_config, start=StartConfig(checkpoint=base))
    with pytest.raises(CheckpointError, match="holds a run of base, not of stage2"):
        train_stage("stage2", config)


@pytest.mark.parametrize("stage", ["base", "stage1"])
def test_a_size_whose_deepest_map_cannot_be_normalised_is_refused(base_config, tmp_path, stage):
    data = replace(base_config.data, size=64, cache=tmp_path / "cache")
    with pytest.raises(InputError, match=r"64 x 64 is too small .* 128 x 64 at least"):
        train_stage(stage, replace(base_config, output=tmp_path / "run", data=data))
    assert not (tmp_path / "cache").exists()
