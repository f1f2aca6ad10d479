"""Views of a mapped file, and memory that is given back."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from magicpose_core.weights.checkpoint import SAFETENSORS_DTYPES, open_checkpoint
from magicpose_core.weights.mapping import map_file, release, view

NUMBERS = np.arange(1 << 20, dtype=np.float16)
STATUS = Path("/proc/self/smaps")


@pytest.fixture
def content(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(NUMBERS.tobytes())
    return map_file(path)


def test_a_view_shows_the_place_that_was_named(content):
    seen = view(content, range(10, 22), torch.float16, (2, 3))
    assert seen.tolist() == [[5, 6, 7], [8, 9, 10]]
    assert view(content, range(10, 22), torch.float16).tolist() == [5, 6, 7, 8, 9, 10]


def test_numbers_that_lie_unaligned_are_copied(content):
    words = NUMBERS.tobytes()[3:11]
    assert view(content, range(3, 11), torch.int32, (2,)).numpy().tobytes() == words


@pytest.mark.parametrize("dtype", SAFETENSORS_DTYPES.values(), ids=str)
def test_every_dtype_of_a_file_is_read_as_the_library_reads_it(tmp_path, dtype):
    path = tmp_path / "model.safetensors"
    save_file(
        {"first": torch.ones(3, dtype=torch.bool), "x": torch.tensor([0, 1, 1]).to(dtype)}, path
    )
    read, wanted = open_checkpoint(path).read("x"), load_file(path)["x"]
    assert read.dtype == wanted.dtype
    assert torch.equal(read.view(torch.uint8), wanted.view(torch.uint8))


def test_an_empty_tensor_keeps_its_shape(content):
    assert view(content, range(4, 4), torch.float16, (0, 3)).shape == (0, 3)


def test_what_was_released_is_read_again(content):
    seen = view(content, range(len(content)), torch.float16)
    assert np.array_equal(seen.numpy(), NUMBERS)
    release(content, range(100, len(content) - 100))
    assert np.array_equal(seen.numpy(), NUMBERS)


@pytest.mark.skipif(
    not STATUS.exists() or not hasattr(mmap, "MADV_DONTNEED"), reason="needs Linux's /proc"
)
@pytest.mark.parametrize("suffix", [".safetensors", ".th"])
def test_a_released_tensor_of_a_file_takes_no_memory(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    weights = {"large": torch.ones(4 << 20), "small": torch.ones(3)}
    (save_file if suffix == ".safetensors" else torch.save)(weights, path)
    file = open_checkpoint(path)
    before = mapped_bytes(path)  # an archive's last megabytes were searched for its directory
    read = file.read("large")
    assert read.sum() == 4 << 20
    assert mapped_bytes(path) - before > 13 << 20
    file.release("large")
    assert mapped_bytes(path) - before < 1 << 20
    assert read[-1] == 1


def mapped_bytes(path: Path) -> int:
    """How much of a file's mappings is in memory."""
    total, ours = 0, False
    for line in STATUS.read_text().splitlines():
        if "-" in line.split(" ")[0]:
            ours = line.endswith(path.name)
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total
