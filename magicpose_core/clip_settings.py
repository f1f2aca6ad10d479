"""Which frames of a clip, how they are fitted and how fast they go; nothing heavy is imported."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal, get_args

from .errors import InputError
from .settings import Settings, setting

Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[Fit, ...] = get_args(Fit)
DEFAULT_FPS = 8.0  # where neither the poses nor the user say


@dataclass(frozen=True, kw_only=True)
class Span(Settings):
    """Frames ``start`` to before ``stop`` (None: the end), every ``stride``-th."""

    start: int = setting(0, minimum=0, help="first frame, counted from 0")
    stop: int | None = setting(None, minimum=1, help="frame before which to stop, else the end")
    stride: int = setting(1, minimum=1, help="take every n-th frame")

    def __post_init__(self) -> None:
        """Check each number, and that a frame is left.

        Raises:
            InputError: It is not so.
        """
        super().__post_init__()
        if self.stop is not None and self.stop <= self.start:
            raise InputError(
                f"stop must be above start, got {self.start} to {self.stop}; frames are counted "
                "from 0, and stop itself is left out"
            )

    @property
    def places(self) -> slice:
        """Where the frames stand in a sequence that holds the whole clip."""
        stop = None if self.stop is None else min(self.stop, sys.maxsize)
        return slice(min(self.start, sys.maxsize), stop, min(self.stride, sys.maxsize))


@dataclass(frozen=True, kw_only=True)
class ClipSettings(Settings):
    """How a result is cut and shown."""

    fit: Fit = setting(
        "crop",
        help="how pictures and maps of another shape are brought to the size: crop cuts the "
        "centre (the paper), pad adds black, stretch distorts",
    )
    frames: int | None = setting(None, minimum=1, help="at most so many frames")
    fps: float | None = setting(
        None,
        usual=DEFAULT_FPS,
        minimum=0.01,
        maximum=1000,
        help="frames per second of the result; not given: those of the poses, where they say",
    )
