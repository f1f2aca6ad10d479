from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.sampling.denoise import denoise
from magicpose_core.sampling.guidance import guide
from magicpose_core.sampling.settings import SamplingSettings
from magicpose_core.sampling.windows import CircularWindows, FrameWindows, motion_windows


@given(frames=st.integers(1, 60), length=st.integers(1, 20), overlap=st.integers(0, 19))
@settings(max_examples=100, derandomize=True)
def test_windows_cover_every_frame_and_keep_their_length(frames, length, overlap):
    overlap = min(overlap, length - 1)
    cuts = FrameWindows(length, overlap).over(frames)
    assert sorted({frame for cut in cuts for frame in cut}) == list(range(frames))
    assert all(0 < len(cut) <= length for cut in cuts)
    if overlap and frames >= length:
        assert all(len(cut) == length for cut in cuts)
    if not overlap:
        assert sum(map(len, cuts)) == frames
    for before, after in itertools.pairwise(cuts):
        assert len(set(before) & set(after)) >= overlap


@pytest.mark.parametrize(("length", "overlap"), [(0, 0), (4, 4), (4, -1)])
def test_windows_that_cannot_be_are_refused(length, overlap):
    with pytest.raises(InputError, match=f"got length {length} and overlap {overlap}"):
        FrameWindows(length, overlap)


def constant(value):
    return lambda latents, timestep, frames: torch.full_like(latents, value)


def test_guidance_in_closed_form():
    latents = torch.zeros(1, 4, 2, 2)
    guided = guide(constant(3.0), constant(1.0), 7.0)(latents, 1, range(1))
    assert torch.equal(guided, torch.full_like(latents, 1 + 7 * (3 - 1)))


@pytest.mark.parametrize("scale", [1, 7])
def test_without_guidance_the_unconditional_half_never_runs(scale):
    def must_not_run(latents, timestep, frames):
        raise AssertionError("the unconditional half ran")

    predict = guide(constant(3.0), must_not_run if scale == 1 else None, scale)
    assert torch.equal(predict(torch.zeros(1), 1, range(1)), torch.full((1,), 3.0))


def test_overlapping_windows_are_averaged():
    """A prediction that tells its window must come out as the mean over a frame's windows."""
    seen = []

    def predict(latents, timestep, frames):
        seen.append(list(frames))
        return torch.full_like(latents, float(frames[0]))

    class OneStep:
        timesteps = (1,)
        first_scale = 1.0

        def scale(self, latents, position):
            return latents

        def adds_noise(self, position):
            return False

        def step(self, noise, position, latents, fresh):
            return noise

    windows = FrameWindows(3, overlap=2)
    result = denoise(predict, torch.zeros(4, 4, 1, 1), OneStep(), windows, torch.zeros_like)
    assert seen == [[0, 1, 2], [1, 2, 3]]
    assert result[:, 0, 0, 0].tolist() == [0, 0.5, 0.5, 1]


@given(frames=st.integers(1, 80), length=st.integers(1, 20), overlap=st.integers(0, 19))
@settings(max_examples=100, derandomize=True)
def test_circular_windows_cover_every_frame_and_keep_their_length(frames, length, overlap):
    windows = CircularWindows(length=length, overlap=min(overlap, length - 1), seed=1)
    for step in range(3):
        cuts = windows.over(frames, step)
        assert {frame for cut in cuts for frame in cut} == set(range(frames))
        for cut in cuts:
            assert len(cut) == len(set(cut)) == min(length, frames)
            assert all((b - a) % frames == 1 % frames for a, b in itertools.pairwise(cut))


def test_circular_windows_move_from_step_to_step_and_not_from_run_to_run():
    windows = CircularWindows(length=16, overlap=4, seed=7)
    cuts = [windows.over(60, step) for step in range(8)]
    assert cuts == [windows.over(60, step) for step in range(8)]
    assert len({cut[0][0] for cut in cuts}) > 1
    assert all(len(cut) == 5 for cut in cuts)  # a stride of 12
    assert windows.over(16, 3) == [range(16)]


@pytest.mark.parametrize(
    ("given", "usual", "expected"),
    [
        ({}, 16, FrameWindows(16, 4)),
        ({"window_length": 8}, 16, FrameWindows(8, 4)),
        ({"window_length": 3}, 16, FrameWindows(3, 2)),
        ({"window_length": 24, "window_overlap": 0}, 16, FrameWindows(24, 0)),
        ({"window_rule": "circular", "seed": 5}, 16, CircularWindows(length=16, overlap=4, seed=5)),
    ],
)
def test_windows_follow_the_settings_and_else_the_module(given, usual, expected):
    assert motion_windows(SamplingSettings(**given), usual=usual, longest=24) == expected


def test_windows_longer_than_the_module_are_refused():
    with pytest.raises(InputError, match=r"window_length must be at most 24, .*got 25"):
        motion_windows(SamplingSettings(window_length=25), usual=16, longest=24)
