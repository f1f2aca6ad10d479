"""Open a detector by its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .detector import PoseDetector
from .settings import DetectorSettings


@contextlib.contextmanager
def open_detector(settings: DetectorSettings) -> Iterator[PoseDetector]:
    """Load a detector; its networks and processes are gone when the block ends.

    Raises:
        MissingDependencyError: A package or weight file is absent; the message says how to get it.
        CheckpointError: A weight file is damaged or of another model.
        InputError: The device is not one that this detector can use.
    """
    if settings.name == "mediapipe":
        from .mediapipe import open_mediapipe

        with open_mediapipe() as detector:
            yield detector
    elif settings.name == "openpose":
        from .openpose import load_openpose

        yield load_openpose(settings)
    else:
        from .dwpose import load_dwpose

        yield load_dwpose(settings)
