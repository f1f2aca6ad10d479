"""Tensors as views of a mapped file, whose pages are given back after use."""

from __future__ import annotations

import math
import mmap
from pathlib import Path

import torch
from torch import Tensor


def map_file(path: Path) -> mmap.mmap:
    """Map a file that is not empty, for reading; torch wants memory that could be written to.

    Raises:
        OSError: It cannot be read.
        ValueError: It is empty.
    """
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # writes would go to a copy


def view(
    content: mmap.mmap, place: range, dtype: torch.dtype, shape: tuple[int, ...] | None = None
) -> Tensor:
    """Give the numbers at a place of the file: a view of it, or a copy where they lie unaligned.

    Args:
        content: The file.
        place: Its bytes.
        dtype: Of the numbers.
        shape: Of the tensor; None gives all numbers in a row.
    """
    count = len(place) // dtype.itemsize if shape is None else math.prod(shape)
    if count == 0:
        return torch.empty((0,) if shape is None else shape, dtype=dtype)
    numbers: mmap.mmap | bytearray = content
    start = place.start
    if start % dtype.itemsize:
        numbers, start = bytearray(content[place.start : place.stop]), 0
    flat = torch.frombuffer(numbers, dtype=dtype, offset=start, count=count)
    return flat if shape is None else flat.reshape(shape)


def release(content: mmap.mmap, place: range) -> None:
    """Give back the memory of a place's pages, where the system can; who reads it gets it again."""
    if not hasattr(mmap, "MADV_DONTNEED"):
        return
    start = -(-place.start // mmap.PAGESIZE) * mmap.PAGESIZE
    stop = place.stop // mmap.PAGESIZE * mmap.PAGESIZE
    if start < stop:
        content.madvise(mmap.MADV_DONTNEED, start, stop - start)
