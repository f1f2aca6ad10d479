from __future__ import annotations

import numpy as np
import pytest

from magicpose_core import load_pipeline
from magicpose_core.evaluation.moving_dancers import (
    COPY,
    ROUND_TRIP,
    TRUTH,
    evaluate_clips,
    moving_case,
    rendering,
)
from magicpose_core.sampling.settings import SamplingSettings

SIZE = 64


@pytest.fixture(scope="module")
def figures():
    pipeline = load_pipeline(device="cpu", dtype="fp32")
    noise = np.random.default_rng(0)

    def trembling(case):
        levels = noise.normal(0, 20, case.truth.shape)
        return np.clip(case.truth + levels, 0, 255).astype(np.uint8)

    model = rendering(pipeline, SamplingSettings(steps=1, guidance_scale=1))
    seen = {}
    table = evaluate_clips(
        {"trembling": trembling, "model": model},
        pipeline,
        range(1),
        frames=4,
        size=SIZE,
        framing="full",
        on_clip=lambda index, clips: seen.update({index: clips}),
    )
    assert seen[0]["model"].shape == (4, SIZE, SIZE, 3)
    return table


def test_controls_are_what_they_must_be(figures):
    assert figures[TRUTH]["flicker"] == 0
    assert figures[TRUTH]["psnr"] == 100
    assert figures[TRUTH]["pose_retrieval"] == figures[TRUTH]["identity_retrieval"] == 1
    assert figures[COPY]["flicker"] == 0
    assert figures[COPY]["warp_error"] > figures[TRUTH]["warp_error"]
    assert figures[ROUND_TRIP]["flicker_above"] == figures[ROUND_TRIP]["warp_error_above"] == 0


def test_what_trembles_is_above_the_round_trip(figures):
    assert figures["trembling"]["flicker_above"] > 5
    assert figures["trembling"]["warp_error_above"] > 0


def test_a_case_is_a_moving_dancer_and_its_maps():
    case = moving_case(20, 3, SIZE, "full")
    assert case.truth.shape == case.pose_maps.shape == (3, SIZE, SIZE, 3)
    assert (case.truth[0] != case.truth[1]).any()
    assert (case.pose_maps[0] != case.pose_maps[1]).any()
