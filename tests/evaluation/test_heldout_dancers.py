"""Figures of a tiny model on held-out dancers, and of a model that is always right."""

from dataclasses import replace

import pytest
import torch

from magicpose_core.evaluation import heldout_dancers
from magicpose_core.evaluation.ablations import MODEL, RENDERERS, ROUND_TRIP, render_cases
from magicpose_core.evaluation.heldout_dancers import evaluate_dancers, make_case
from magicpose_core.images import from_uint8, signed_to_unit, unit_to_signed
from magicpose_core.models import vae
from magicpose_core.models.denoiser import MagicPoseDenoiser
from magicpose_core.models.motion import MotionUNet
from magicpose_core.models.motion_plan import MotionShape
from magicpose_core.pipeline import MagicPosePipeline
from magicpose_core.sampling.settings import SamplingSettings

from ..motion_files import random_module

SAMPLING = SamplingSettings(steps=2, guidance_scale=2.0)
SIZE = 128


@pytest.fixture
def pipeline(micro_models):
    return MagicPosePipeline(micro_models)


def test_a_model_that_is_always_right_gets_full_marks(monkeypatch, pipeline):
    truths = torch.cat([from_uint8(make_case(index, SIZE).target.picture) for index in range(2)])
    monkeypatch.setattr(heldout_dancers, "RENDERERS", {MODEL: lambda *_: truths})
    figures = evaluate_dancers(pipeline, SAMPLING, people=range(2), size=SIZE, names=(MODEL,))[
        MODEL
    ]
    assert figures["pose_retrieval"] == figures["identity_retrieval"] == 1.0
    kept = [name for name in figures if name.endswith(("_kept", "_retrieval", "_identity"))]
    assert len(kept) >= 8
    assert {figures[name] for name in kept} == {1.0}
    assert figures["face_psnr"] == 100
    assert figures["ssim"] == pytest.approx(1.0)
    assert figures["psnr"] == float("inf")


def test_copying_the_reference_fails_at_the_pose(pipeline):
    name = "copy of the reference"
    figures = evaluate_dancers(
        pipeline, SAMPLING, people=range(3), size=SIZE, framing="full", names=(name,)
    )[name]
    assert figures["pose_retrieval"] == 0.0
    assert 10 < figures["psnr"] < 25


@torch.no_grad()
def test_a_batch_of_people_equals_each_of_them_rendered_by_the_pipeline(pipeline):
    inputs = heldout_dancers._stack([make_case(index, 64) for index in range(2)], 64)
    mean = replace(SAMPLING, reference_latents="mean")
    together = render_cases(pipeline, inputs, mean)
    for row in range(2):
        (alone,) = pipeline.render(
            inputs.references[[row]], [inputs.pose_maps[row]], size=(64, 64), settings=mean
        ).tensors()
        torch.testing.assert_close(together[row], alone, rtol=0, atol=1e-3)


def test_people_are_counted_from_the_first_that_is_named(monkeypatch, pipeline):
    seen = []
    monkeypatch.setattr(
        heldout_dancers, "make_case", lambda index, *rest: seen.append(index) or make_case(5, SIZE)
    )
    name = "copy of the reference"
    evaluate_dancers(pipeline, SAMPLING, people=range(7, 9), size=SIZE, names=(name,))
    assert seen == [7, 8]


def test_another_is_the_next_person_even_for_the_last_of_a_batch():
    alone, next_one = (heldout_dancers._stack([make_case(index, 64)], 64) for index in (0, 1))
    assert torch.equal(alone.others, next_one.references)


@torch.no_grad()
def test_the_ceiling_is_what_the_autoencoder_leaves_of_the_truth(pipeline):
    case = make_case(1, SIZE)
    inputs = heldout_dancers._stack([make_case(0, SIZE), case], SIZE)
    truth = from_uint8(case.target.picture)
    assert torch.equal(inputs.truths[[1]], truth)
    result = RENDERERS[ROUND_TRIP](pipeline, inputs, SAMPLING)[[1]]
    network = pipeline.models.vae
    decoded = vae.decode(network, vae.encode(network, unit_to_signed(truth), None))
    torch.testing.assert_close(result, signed_to_unit(decoded))


@torch.no_grad()
def test_every_ablation_changes_the_result(pipeline):
    inputs = heldout_dancers._stack([make_case(index, 64) for index in range(2)], 64)
    results = {name: draw(pipeline, inputs, SAMPLING) for name, draw in RENDERERS.items()}
    for name, result in results.items():
        assert result.shape == (2, 3, 64, 64)
        assert result.min() >= 0
        assert result.max() <= 1
        assert name == MODEL or (result - results[MODEL]).abs().max() > 1e-3, name


@torch.no_grad()
def test_with_a_motion_module_each_person_is_a_clip_of_one_frame(micro_models):
    plain = micro_models.denoiser
    shape = MotionShape(channels=plain.unet.shape.channels, resnets=plain.unet.shape.resnets)
    unet = MotionUNet(plain.unet, random_module(shape))
    moving = MagicPosePipeline(
        replace(micro_models, denoiser=MagicPoseDenoiser(unet, plain.appearance, plain.pose))
    )
    inputs = heldout_dancers._stack([make_case(index, 64) for index in range(2)], 64)
    results = render_cases(moving, inputs, SAMPLING)
    swapped = replace(
        inputs, references=inputs.references.flip(0), pose_maps=inputs.pose_maps[::-1]
    )
    assert results.shape == (2, 3, 64, 64)
    assert torch.equal(render_cases(moving, swapped, SAMPLING), results.flip(0))
