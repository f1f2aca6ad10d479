"""What the bench times: the same numbers on both sides, every round a fresh timestep."""

from __future__ import annotations

import math
import time

import pytest
import torch

from magicpose_core.cli.bench import SHAPES
from magicpose_core.evaluation.random_clip import prepare_step, random_clip, random_denoiser
from magicpose_core.evaluation.speed import compare_speed, matrix_peak, stopwatch
from magicpose_core.sampling.windows import FrameWindows

SHAPE = SHAPES["micro"]


@pytest.fixture(scope="module")
def denoiser():
    return random_denoiser(SHAPE, torch.device("cpu"))


def test_weights_are_drawn_from_the_seed_and_finite(denoiser):
    again = random_denoiser(SHAPE, torch.device("cpu"))
    other = random_denoiser(SHAPE, torch.device("cpu"), seed=1)
    for (name, drawn), same, another in zip(
        denoiser.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(drawn, same), name
        assert torch.isfinite(drawn).all()
        if drawn.ndim > 1:
            assert not torch.equal(drawn, another)
            fan_in = drawn[0].numel()
            if drawn.numel() > 5000:
                assert drawn.std().item() == pytest.approx(fan_in**-0.5, rel=0.1), name


def test_both_schedules_predict_the_same_noise(denoiser):
    rounds: list[None] = []
    comparison = compare_speed(
        denoiser,
        random_clip(SHAPE, frames=3, size=64),
        windows=FrameWindows(2),
        rounds=2,
        on_round=lambda: rounds.append(None),
    )
    assert comparison.difference < 1e-4
    assert len(comparison.theirs) == len(comparison.ours) == 2
    assert len(rounds) == 3, "one more, for the warm-up"
    assert comparison.peak > 0
    ratios = [t / o for t, o in zip(comparison.theirs, comparison.ours, strict=True)]
    assert min(ratios) <= comparison.times_faster <= max(ratios)


@torch.no_grad()
def test_a_batch_of_frames_predicts_what_single_frames_do(denoiser):
    clip = random_clip(SHAPE, frames=3, size=64)
    single = prepare_step(denoiser, clip, FrameWindows(1))(501)
    together = prepare_step(denoiser, clip, FrameWindows(3))(501)
    torch.testing.assert_close(together, single, atol=1e-4, rtol=1e-4)
    assert single.shape == clip.latents.shape


def test_each_timestep_reads_the_reference_once(denoiser):
    reads: list[object] = []
    hook = denoiser.appearance.register_forward_hook(lambda *_: reads.append(None))
    try:
        step = prepare_step(denoiser, random_clip(SHAPE, frames=4, size=64), FrameWindows(1))
        with torch.no_grad():
            step(981)
            step(961)
    finally:
        hook.remove()
    assert len(reads) == 2


def test_stopwatch_tells_work_from_waiting():
    like, waited, worked = torch.zeros(()), [], []
    with stopwatch(like, "wall", waited), stopwatch(like, "cpu", worked):
        time.sleep(0.2)
    assert waited[0] >= 0.2
    assert worked[0] < 0.1


def test_matrix_peak_is_a_rate():
    assert 0 < matrix_peak(torch.zeros(())) < math.inf
