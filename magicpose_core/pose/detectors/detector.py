"""What every detector offers."""

from __future__ import annotations

from typing import Protocol

from ...video.reader import Frame
from ..keypoints import PersonPose


class PoseDetector(Protocol):
    """Finds the people in one picture at a time."""

    @property
    def runs_on(self) -> str:
        """Name the device or provider that does the work, to be shown to the user."""
        ...

    def detect(self, frame: Frame) -> tuple[PersonPose, ...]:
        """Find the people in an (H, W, 3) uint8 RGB picture; nobody is an empty tuple."""
        ...
