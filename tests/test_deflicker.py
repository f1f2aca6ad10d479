from __future__ import annotations

import numpy as np
import pytest
import torch

from magicpose_core.deflicker import deflicker

SIDE = 64


@pytest.fixture
def reference():
    generator = torch.Generator().manual_seed(0)
    return 0.3 + 0.4 * torch.rand((1, 3, SIDE, SIDE), generator=generator)


@pytest.fixture
def pose_maps():
    maps = np.zeros((3, SIDE, SIDE, 3), np.uint8)
    maps[:, 20:44, 31:33] = 255
    return maps


def tinted(reference, tint):
    return reference[0] + torch.tensor(tint)[:, None, None]


def test_a_tint_of_the_whole_frame_is_taken_off(reference, pose_maps):
    frames = [tinted(reference, tint) for tint in ([0.05, 0, 0], [0, -0.04, 0.02], [0.0, 0, 0])]
    for frame in deflicker(frames, reference, pose_maps):
        assert torch.allclose(frame, reference[0], atol=1e-6)


def test_the_person_does_not_sway_the_tint(reference, pose_maps):
    frame = tinted(reference, [0.05, 0.0, -0.05])
    frame[:, 20:44, 28:36] = 0.9
    (matched,) = deflicker([frame], reference, pose_maps)
    background = torch.ones(SIDE, SIDE, dtype=torch.bool)
    background[20:44, 28:36] = False
    assert torch.allclose(matched[:, background], reference[0][:, background], atol=1e-6)
    assert torch.allclose(matched[:, 30, 30], torch.tensor([0.85, 0.9, 0.95]), atol=1e-6)


def test_another_background_is_left_alone(reference, pose_maps):
    frame = 1 - 0.2 * reference[0]
    (kept,) = deflicker([frame], reference, pose_maps)
    assert torch.equal(kept, frame)


def test_frames_are_taken_one_at_a_time(reference, pose_maps):
    taken = []

    def frames():
        for number in range(3):
            taken.append(number)
            yield reference[0]

    matched = deflicker(frames(), reference, pose_maps)
    next(matched)
    assert taken == [0]


def test_a_reference_of_another_size_is_fitted(reference, pose_maps):
    large = torch.nn.functional.interpolate(reference, scale_factor=2, mode="nearest")
    (matched,) = deflicker([tinted(reference, [0.05, 0.05, 0.05])], large, pose_maps)
    assert (matched - reference[0]).abs().mean() < 0.01
