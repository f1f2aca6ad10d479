"""Losses, gradients and steps of both stages against the numbers of the authors' code."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.sampling.schedules import alphas_cumprod
from magicpose_core.training.config import ObjectiveConfig, OptimizerConfig
from magicpose_core.training.export import STAGE1_PREFIXES, denoiser_parts
from magicpose_core.training.objective import NoiseObjective, debiased_weights, face_cells
from magicpose_core.training.optimizer import make_optimizer
from magicpose_core.training.stages import find_stage, freeze
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import RELEASED_PREFIXES, find_part
from magicpose_core.weights.heads import Heads
from magicpose_core.weights.loading import MagicPoseModels, load_network
from magicpose_core.weights.recipes import APPEARANCE, RECIPES, UNET

LOSS_TOLERANCE = 1e-5
NORM_TOLERANCE = 1e-4
PAPERS = ObjectiveConfig()
Golden = Callable[[str], dict[str, Tensor]]


@pytest.fixture(scope="module")
def numbers(golden_folder: Path) -> dict[str, dict]:
    return json.loads((golden_folder / "micro" / "training.json").read_text())


@pytest.fixture(scope="module")
def stage1_denoiser(
    micro_stage1_state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> MagicPoseDenoiser:
    path = tmp_path_factory.mktemp("stage1") / "model_state.th"
    torch.save(micro_stage1_state, path)
    file = open_checkpoint(path)
    heads = Heads(unet=4)
    return MagicPoseDenoiser(
        load_network(UNET, find_part(file, "unet"), heads),
        load_network(APPEARANCE, find_part(file, "appearance"), heads),
        None,
    )


@pytest.fixture(params=["stage1", "stage2"])
def stage(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def denoiser(
    stage: str, stage1_denoiser: MagicPoseDenoiser, micro_models: MagicPoseModels
) -> MagicPoseDenoiser:
    source = stage1_denoiser if stage == "stage1" else micro_models.denoiser
    return copy.deepcopy(source)


@pytest.fixture
def batch(golden: Golden) -> dict[str, Tensor]:
    stored = golden("training")
    return {
        "latents": stored["x0"],
        "reference": stored["reference_latent"],
        "noise": stored["noise"],
        "timesteps": stored["timesteps"],
        "pose_maps": stored["pose_map"],
    }


def make_objective(
    denoiser: MagicPoseDenoiser,
    stage: str,
    golden: Golden,
    config: ObjectiveConfig = PAPERS,
) -> NoiseObjective:
    return NoiseObjective(
        denoiser,
        find_stage(stage, ObjectiveConfig()),
        golden("training")["context"][:1],
        config,
    )


def named_gradients(objective: NoiseObjective, stage: str) -> dict[str, Tensor]:
    prefixes = STAGE1_PREFIXES if stage == "stage1" else RELEASED_PREFIXES
    found = {}
    for name, network in denoiser_parts(objective.denoiser).items():
        weight_map = RECIPES[name].weight_map(network)
        for key, parameter in network.named_parameters():
            if parameter.grad is not None:
                ldm = weight_map.ldm_key(key)
                found[prefixes[name] + ldm] = weight_map.to_ldm(ldm, parameter.grad)
    return found


def test_loss_equals_the_authors(stage, denoiser, batch, golden, numbers):
    loss = make_objective(denoiser, stage, golden)(batch)
    assert loss.item() == pytest.approx(numbers[stage]["loss"], rel=LOSS_TOLERANCE)


def test_loss_with_a_noisy_reference_equals_the_authors(stage, denoiser, batch, golden, numbers):
    loss = make_objective(denoiser, stage, golden, ObjectiveConfig(wonoise=False))(batch)
    assert loss.item() == pytest.approx(numbers[stage]["loss_noisy_reference"], rel=LOSS_TOLERANCE)


def test_gradient_of_every_trained_tensor_equals_the_authors(
    stage, denoiser, batch, golden, numbers, relative_error
):
    objective = make_objective(denoiser, stage, golden)
    objective(batch).backward()
    gradients = named_gradients(objective, stage)
    clean = {
        key: norm
        for key, norm in numbers[stage]["grad_norms"].items()
        if norm is not None and not key.startswith("model.diffusion_model.time_embed")
    }
    assert set(gradients) == set(clean)
    # a norm far below the others is rounding noise of the sums above it
    floor = 1e-5 * max(clean.values())
    for key, norm in clean.items():
        assert float(gradients[key].norm()) == pytest.approx(norm, rel=1e-3, abs=floor), key
    stored = {
        key.removeprefix(f"{stage}.grad."): tensor
        for key, tensor in golden("training").items()
        if key.startswith(f"{stage}.grad.")
    }
    for key, gradient in stored.items():
        assert relative_error(gradients[key], gradient) < NORM_TOLERANCE, key


def test_four_clipped_adamw_steps_equal_the_authors(stage, denoiser, batch, golden, numbers):
    objective = make_objective(denoiser, stage, golden)
    trained = [p for p in objective.parameters() if p.requires_grad]
    optimizer = make_optimizer(trained, replace(OptimizerConfig(), learning_rate=1e-4))
    for step in numbers[stage]["adamw_lr1e-4_clip0.5_clean"]:
        loss = objective(batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, OptimizerConfig().clip)
        optimizer.step()
        optimizer.zero_grad()
        assert loss.item() == pytest.approx(step["loss"], rel=2e-5)
        assert float(norm) == pytest.approx(step["norm_before_clip"], rel=NORM_TOLERANCE)


def test_frozen_tensors_stay_bit_equal(stage, denoiser, batch, golden):
    objective = make_objective(denoiser, stage, golden)
    before = {name: tensor.clone() for name, tensor in objective.named_parameters()}
    trained = [p for p in objective.parameters() if p.requires_grad]
    optimizer = make_optimizer(trained, replace(OptimizerConfig(), weight_decay=0.1))
    objective(batch).backward()
    optimizer.step()
    for name, parameter in objective.named_parameters():
        assert torch.equal(parameter, before[name]) != parameter.requires_grad, name


def test_the_36_tensors_without_use_are_frozen(stage, denoiser, numbers):
    freeze(denoiser, find_stage(stage, ObjectiveConfig()))
    frozen = [p for p in denoiser.appearance.parameters() if not p.requires_grad]
    assert len(frozen) == len(numbers[stage]["optimized_without_grad"]) == 36


def test_trained_tensors_are_the_authors_without_the_36(stage, denoiser, numbers):
    freeze(denoiser, find_stage(stage, ObjectiveConfig()))
    trained = sum(p.requires_grad for p in denoiser.parameters())
    assert trained == numbers[stage]["optimizer_tensors"] - 36


def test_gradient_checkpointing_changes_no_gradient(stage, denoiser, batch, golden):
    plain = make_objective(copy.deepcopy(denoiser), stage, golden)
    plain(batch).backward()
    checkpointed = make_objective(denoiser, stage, golden)
    checkpointed.denoiser.unet.enable_gradient_checkpointing()
    checkpointed.denoiser.appearance.enable_gradient_checkpointing()
    checkpointed.train()(batch).backward()
    torch.testing.assert_close(
        named_gradients(checkpointed, stage), named_gradients(plain, stage), rtol=1e-4, atol=1e-6
    )


def test_plain_rows_see_neither_reference_nor_pose(micro_models, batch, golden):
    def loss(rows: dict[str, Tensor], plain_share: float) -> Tensor:
        config = ObjectiveConfig(plain_share=plain_share)
        return make_objective(denoiser, "stage2", golden, config)(rows)

    denoiser = copy.deepcopy(micro_models.denoiser)
    other = {
        **batch,
        "reference": batch["reference"].roll(1, 0),
        "pose_maps": 1 - batch["pose_maps"],
    }
    first, last = ({key: value[[row]] for key, value in batch.items()} for row in (0, 1))
    first_other = {key: value[:1] for key, value in other.items()}
    with torch.no_grad():
        assert torch.equal(loss(first, 1.0), loss(first_other, 1.0))
        assert not torch.equal(loss(first, 0.0), loss(first_other, 0.0))
        both = (loss(first, 1.0) + loss(last, 0.0)) / 2
        torch.testing.assert_close(loss(batch, 0.5), both, rtol=1e-5, atol=1e-6)


def test_validation_knows_neither_plain_rows_nor_weights(micro_models, batch, golden):
    denoiser = copy.deepcopy(micro_models.denoiser)
    config = ObjectiveConfig(plain_share=0.5, weighting="debiased")
    with torch.no_grad():
        error = make_objective(denoiser, "stage2", golden, config).error(batch)
        assert torch.equal(error, make_objective(denoiser, "stage2", golden)(batch))


def test_debiased_loss_weighs_each_picture_by_its_noise(micro_models, batch, golden):
    objective = make_objective(
        copy.deepcopy(micro_models.denoiser),
        "stage2",
        golden,
        ObjectiveConfig(weighting="debiased"),
    )
    with torch.no_grad():
        errors = [objective.error({k: v[[row]] for k, v in batch.items()}) for row in (0, 1)]
        weights = debiased_weights(batch["timesteps"]).float()
        assert weights[0] != weights[1]
        torch.testing.assert_close(objective(batch), (weights * torch.stack(errors)).mean())


def test_loss_counts_the_cells_of_faces_more(micro_models, batch, golden):
    pose_maps = 0.5 * batch["pose_maps"]  # nothing is white
    without = {**batch, "pose_maps": pose_maps}
    everywhere = {**batch, "pose_maps": torch.ones_like(pose_maps)}
    config = ObjectiveConfig(faces=3.0)
    with torch.no_grad():
        for pictured, factor in ((without, 1), (everywhere, 4)):
            denoiser = copy.deepcopy(micro_models.denoiser)
            plain = make_objective(denoiser, "stage2", golden)(pictured)
            weighted = make_objective(denoiser, "stage2", golden, config)(pictured)
            torch.testing.assert_close(weighted, factor * plain)


def test_faces_are_where_white_points_are_and_a_cell_around():
    pose_maps = torch.zeros(2, 3, 64, 48)
    pose_maps[0, :, 33, 9] = 1  # a face point
    pose_maps[1, 2, 33, 9] = 1  # a blue one: a hand's
    faces = face_cells(pose_maps, (8, 6))
    assert faces.shape == (2, 1, 8, 6)
    assert faces[0, 0].nonzero().tolist() == [[y, x] for y in (3, 4, 5) for x in (0, 1, 2)]
    assert not faces[1].any()


def test_debiased_weights_are_the_noise_over_the_signal():
    alphas = alphas_cumprod()[[0, 500, 999]]
    weights = debiased_weights(torch.tensor([0, 500, 999]))
    assert weights.tolist() == pytest.approx([((1 - alpha) / alpha) ** 0.5 for alpha in alphas])
    assert weights[0] < 0.05
    assert weights[2] > 14
