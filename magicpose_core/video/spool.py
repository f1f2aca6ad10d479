"""Keep a clip's frames on disk for random access: the sampler looks at each of them every step."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .reader import Frame


@contextlib.contextmanager
def spool(frames: Iterable[Frame]) -> Iterator[NDArray[np.uint8]]:
    """Write frames to a temporary file as they come, and read it as one array.

    Args:
        frames: (H, W, 3) uint8 each, of one size; read once, one in memory at a time.

    Yields:
        (F, H, W, 3) uint8, mapped from disk; gone when the block ends.

    Raises:
        InputError: There is no frame, or they differ in size.
    """
    with tempfile.TemporaryDirectory(prefix="magicpose-") as folder:
        path = Path(folder) / "frames.raw"
        shape: tuple[int, ...] | None = None
        with path.open("wb") as file:
            for number, frame in enumerate(frames):
                if shape not in (None, frame.shape):
                    raise InputError(
                        f"frame {number} is {frame.shape}, the ones before it {shape}; "
                        "bring them to one size first"
                    )
                shape = frame.shape
                file.write(np.ascontiguousarray(frame).data)
        if shape is None:
            raise InputError("there are no frames; give at least one")
        mapped = np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, *shape)
        try:
            yield mapped
        finally:
            del mapped  # Windows removes no file that is mapped
