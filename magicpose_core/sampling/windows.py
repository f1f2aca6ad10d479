"""Some frames at a time, so that memory does not grow with the clip."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class FrameWindows:
    """How a clip is cut.

    Frames do not see each other without a motion module, so windows only bound memory and need no
    overlap. Frames that lie in several windows get the mean of their predictions.

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
        if self.length < 1 or not 0 <= self.overlap < self.length:
            raise InputError(
                "a window needs at least one frame and an overlap below its length, got length "
                f"{self.length} and overlap {self.overlap}"
            )

    def over(self, frames: int) -> list[range]:
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
