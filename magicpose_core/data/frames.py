"""What training asks of data: subjects, each with frames and their pose maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class PosedFrame:
    """A square picture and the pose map of the same crop, (S, S, 3) uint8 RGB each.

    Attributes:
        name: Of the frame.
        picture: What it shows.
        pose_map: Drawn pose.
        follows: Whether no frame is left out between it and the one before.
    """

    name: str
    picture: NDArray[np.uint8]
    pose_map: NDArray[np.uint8]
    follows: bool = True


class Subject(Protocol):
    """One person: frames of the same clothes before the same background."""

    @property
    def name(self) -> str:
        """Name of the subject, for messages and folders."""
        ...

    @property
    def signature(self) -> str:
        """What the frames depend on; another signature means other frames."""
        ...

    def frames(self) -> Iterator[PosedFrame]:
        """Read or draw the frames, one at a time."""
        ...


Subjects = Sequence[Subject]
