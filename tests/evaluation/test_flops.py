"""Counted operations: the authors' per pass, and the floor of our schedule."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from magicpose_core.cli.bench import SHAPES
from magicpose_core.evaluation.flops import (
    MEASURED_ON_AUTHORS_CODE,
    PassFlops,
    count_authors_passes,
    count_gflop,
    count_our_frame_step,
)
from magicpose_core.models.sd15 import ControlNetShape


@pytest.fixture(scope="module")
def theirs() -> PassFlops:
    return count_authors_passes(ControlNetShape(), 512)


def test_convolution_and_attention_count_two_per_multiply_add():
    with torch.device("meta"):
        convolution = torch.nn.Conv2d(4, 8, 3, padding=1, bias=False)
        picture, tokens = torch.empty(2, 4, 16, 16), torch.empty(2, 8, 64, 40)
    assert count_gflop(lambda: convolution(picture)) * 1e9 == 2 * 2 * 16 * 16 * 8 * 4 * 9
    attend = torch.nn.functional.scaled_dot_product_attention
    assert count_gflop(lambda: attend(tokens, tokens, tokens)) * 1e9 == 2 * 2 * 2 * 8 * 64 * 64 * 40


def test_each_pass_costs_what_the_authors_code_costs(theirs):
    for name, gflop in dataclasses.asdict(MEASURED_ON_AUTHORS_CODE[512]).items():
        assert getattr(theirs, name) == pytest.approx(gflop, rel=1e-3)
    assert theirs.frame_step == pytest.approx(3124, abs=1)


def test_smaller_pictures_agree_too():
    counted = count_authors_passes(ControlNetShape(), 256)
    for name, gflop in dataclasses.asdict(MEASURED_ON_AUTHORS_CODE[256]).items():
        assert getattr(counted, name) == pytest.approx(gflop, rel=1e-3)


@pytest.mark.parametrize(("frames", "share"), [(8, 0.675), (16, 0.655)])
def test_our_share_of_their_operations(theirs, frames, share):
    ours = count_our_frame_step(ControlNetShape(), 512, frames=frames, frames_per_batch=frames)
    assert ours / theirs.frame_step < share


def test_frames_per_batch_change_no_count():
    def count(frames_per_batch: int) -> float:
        return count_our_frame_step(
            SHAPES["micro"], 64, frames=2, frames_per_batch=frames_per_batch
        )

    assert count(1) == count(2)
