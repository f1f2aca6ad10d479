"""On whom a model is measured, and how speed is; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..data.dancers.framing import Framing
from ..errors import InputError
from ..models.sd15 import SIZE_MULTIPLE
from ..settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class HeldoutSettings(Settings):
    """Dancers that nobody trains on."""

    people: int = setting(64, minimum=1, help="how many dancers")
    first: int = setting(
        0, minimum=0, help="number of the first; choices are made on 0 to 63, reports on others"
    )
    framing: Framing = setting("mixed", help="how close the camera is; mixed: each dancer's own")
    size: int | None = setting(
        None, minimum=16, unit="pixels", help="side of the pictures; not given: the model's own"
    )
    model_only: bool = setting(False, help="leave the ablations out")
    clips: int = setting(
        0, minimum=0, help="clips of 24 frames that are measured through time as well"
    )


Model = Literal["sd15", "micro"]
Clock = Literal["wall", "cpu"]


@dataclass(frozen=True, kw_only=True)
class BenchSettings(Settings):
    """What is timed on random weights."""

    model: Model = setting("sd15", help="size of the networks")
    size: int = setting(512, minimum=SIZE_MULTIPLE, unit="pixels", help="side of the pictures")
    frames: int = setting(8, minimum=1, help="frames of the clip")
    frames_per_batch: int = setting(4, minimum=1, help="frames ours takes at once")
    repeat: int = setting(2, minimum=1, help="timed rounds, after one that warms up")
    channels_last: bool = setting(
        False, help="keep channels behind the pixels, as GPUs like it in half precision"
    )
    compile: bool = setting(False, help="compile ours with torch.compile (minutes, once)")
    threads: int | None = setting(None, minimum=1, help="CPU threads, else PyTorch's own choice")
    clock: Clock = setting(
        "wall",
        help="wall seconds, or processor seconds per thread (with one thread on a busy machine)",
    )

    def __post_init__(self) -> None:
        """Check each field, and that networks take the size.

        Raises:
            InputError: A value is out of range.
        """
        super().__post_init__()
        if self.size % SIZE_MULTIPLE:
            raise InputError(f"size must be a multiple of {SIZE_MULTIPLE}, got {self.size}")
