from __future__ import annotations

import pytest
import torch

from magicpose_core.models.memory import frames_in, frames_that_fit


@pytest.mark.parametrize(
    ("height", "width", "frames"),
    [(512, 512, 4), (1024, 512, 2), (2048, 2048, 1), (256, 256, 16), (128, 64, 16)],
)
def test_a_cpu_takes_as_many_frames_as_have_the_area_of_four_of_512(height, width, frames):
    assert frames_that_fit(torch.nn.Conv2d(1, 1, 1), height, width) == frames


def test_free_memory_says_how_many_frames_go_at_a_time():
    size = {"cells": 4096, "channels": 320, "itemsize": 2}
    gigabytes = [frames_in(free * 10**9, **size) for free in (0, 1, 2, 100)]
    assert gigabytes == [1, 4, 9, 16]
    assert frames_in(10**9, **size | {"itemsize": 4}) == 2
