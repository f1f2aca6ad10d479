"""Some frames at a time, so that memory does not grow with the clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..errors import InputError
from .settings import SamplingSettings

USUAL_OVERLAP = 4


class Windows(Protocol):
    """How a clip is cut; frames that lie in several windows get the mean of their predictions.

    Attributes:
        length: Frames per window.
        overlap: Frames that a window shares with the one before it.
    """

    @property
    def length(self) -> int: ...  # noqa: D102
    @property
    def overlap(self) -> int: ...  # noqa: D102

    def over(self, frames: int, step: int = 0, /) -> Sequence[Sequence[int]]:
        """Cover ``frames`` frames in a step of sampling."""
        ...


@dataclass(frozen=True)
class FrameWindows:
    """Windows in a row, the same in every step.

    Frames do not see each other without a motion module, so windows only bound memory and need no
    overlap.

    Attributes:
        length: Frames per window.
        overlap: Frames that a window shares with the one before it.
    """

    length: int
    overlap: int = 0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: A window without frames, or one that does not move on.
        """
        _check(self.length, self.overlap)

    def over(self, frames: int, step: int = 0) -> list[range]:
        """Cover ``frames`` frames.

        Of overlapping windows the last one moves back so that it has its full length; without
        overlap it is shorter, so that no frame is computed twice.
        """
        if frames <= self.length:
            return [range(frames)]
        stride = self.length - self.overlap
        starts = list(range(0, frames - self.length, stride))
        if self.overlap:
            return [range(start, start + self.length) for start in (*starts, frames - self.length)]
        return [range(start, min(start + stride, frames)) for start in range(0, frames, stride)]


@dataclass(frozen=True, kw_only=True)
class CircularWindows:
    """Windows around the clip as if its end met its beginning, elsewhere in each step.

    Attributes:
        length: Frames per window, 16 with the authors.
        overlap: Frames that a window shares with the one before it, 4 with the authors.
        seed: Of the places.

    Source: ``overlap_sampling`` in the authors' code.
    """

    length: int
    overlap: int
    seed: int

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: A window without frames, or one that does not move on.
        """
        _check(self.length, self.overlap)

    def over(self, frames: int, step: int = 0) -> list[Sequence[int]]:
        """Cover ``frames`` frames, beginning at a random one; the step decides at which."""
        if frames <= self.length:
            return [range(frames)]
        first = int(np.random.default_rng((self.seed, step)).integers(frames))
        starts = range(first, first + frames, self.length - self.overlap)
        return [[(start + place) % frames for place in range(self.length)] for start in starts]


def motion_windows(settings: SamplingSettings, *, usual: int, longest: int) -> Windows:
    """Make the windows in which frames see each other.

    Args:
        settings: How the user wants them.
        usual: Frames per window, where the user does not say.
        longest: Frames that the motion module can tell apart.

    Raises:
        InputError: A window is longer than that, or does not move on.
    """
    length = settings.window_length or usual
    if length > longest:
        raise InputError(
            f"window_length must be at most {longest}, the positions of the motion module, got "
            f"{length}"
        )
    overlap = settings.window_overlap
    if overlap is None:
        overlap = min(USUAL_OVERLAP, length - 1)
    if settings.window_rule == "circular":
        return CircularWindows(length=length, overlap=overlap, seed=settings.seed)
    return FrameWindows(length, overlap)


def _check(length: int, overlap: int) -> None:
    if length < 1 or not 0 <= overlap < length:
        raise InputError(
            "a window needs at least one frame and an overlap below its length, got length "
            f"{length} and overlap {overlap}"
        )
