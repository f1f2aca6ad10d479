"""Keep a clip's frames on disk for random access: the sampler looks at each of them every step."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import open_scratch, scratch_errors_named
from .reader import Frame


def spool(frames: Iterable[Frame]) -> NDArray[np.uint8]:
    """Write frames to a temporary file as they come, and map it as one array.

    Args:
        frames: (H, W, 3) uint8 each, of one size; read once, one in memory at a time.

    Returns:
        (F, H, W, 3) uint8, mapped from a file that has no name and is gone with the array.

    Raises:
        InputError: There is no frame, or they differ in size.
        OutputError: The folder for temporary files is full.
    """
    shape: tuple[int, ...] | None = None
    with open_scratch() as file:
        for number, frame in enumerate(frames):
            if shape not in (None, frame.shape):
                raise InputError(
                    f"frame {number} is {frame.shape}, the ones before it {shape}; "
                    "bring them to one size first"
                )
            shape = frame.shape
            with scratch_errors_named():
                file.write(np.ascontiguousarray(frame).data)
        if shape is None:
            raise InputError("there are no frames; give at least one")
        with scratch_errors_named():
            file.flush()
        return np.memmap(file, dtype=np.uint8, mode="r").reshape(-1, *shape)
