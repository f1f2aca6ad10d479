"""What ``generate`` is given: a picture, pose maps, and words that name them."""

from __future__ import annotations

import pytest
import torch

from magicpose_core.images import write_image


@pytest.fixture
def inputs(tmp_path):
    """A picture and three pose maps on disk."""
    generator = torch.Generator().manual_seed(0)
    write_image(tmp_path / "person.png", torch.rand(3, 80, 96, generator=generator))
    for index in range(3):
        pose_map = torch.zeros(3, 96, 72)
        pose_map[:, 20 + 10 * index : 60, 30:34] = torch.rand(3, 1, 1, generator=generator)
        write_image(tmp_path / "poses" / f"{index}.png", pose_map)
    return tmp_path


@pytest.fixture
def words(inputs, micro_checkpoint):
    return [
        "generate",
        *("--reference", str(inputs / "person.png")),
        *("--poses", str(inputs / "poses")),
        *("--checkpoint", str(micro_checkpoint)),
        *("--heads", "4", "--text-heads", "2"),
        *("--size", "64", "--steps", "2", "--device", "cpu", "--dtype", "fp32"),
    ]
