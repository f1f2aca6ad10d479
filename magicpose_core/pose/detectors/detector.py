"""What every detector offers, and how one is opened by its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ...errors import InputError
from ...video.reader import Frame
from ..keypoints import PersonPose

DetectorName = Literal["openpose", "dwpose", "mediapipe"]
DETECTORS: tuple[DetectorName, ...] = ("openpose", "dwpose", "mediapipe")
Device = Literal["auto", "cpu", "cuda", "mps", "coreml"]
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda", "mps", "coreml")


class PoseDetector(Protocol):
    """Finds the people in one picture at a time."""

    @property
    def runs_on(self) -> str:
        """Name the device or provider that does the work, to be shown to the user."""
        ...

    def detect(self, frame: Frame) -> tuple[PersonPose, ...]:
        """Find the people in an (H, W, 3) uint8 RGB picture; nobody is an empty tuple."""
        ...


@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """Which detector, and where it takes its weights from.

    Attributes:
        name: openpose (body, hands and face as MagicPose was trained on; through controlnet-aux),
            dwpose (whole body through onnxruntime) or mediapipe (in an environment of its own).
        weights: Folders in which weight files are looked for, deeply, in this order.
        download: Fetch missing weight files into the first folder.
        device: auto takes the fastest that is there.
    """

    name: DetectorName = "dwpose"
    weights: Sequence[Path] = ()
    download: bool = False
    device: Device = "auto"

    def __post_init__(self) -> None:
        if self.name not in DETECTORS:
            raise InputError(f"detectors are {', '.join(DETECTORS)}, got {self.name!r}")
        if self.device not in DEVICES:
            raise InputError(f"devices are {', '.join(DEVICES)}, got {self.device!r}")


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
