"""What the demo renders and measures; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from ..sampling.settings import TRAINING_STEPS
from ..settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class DemoSettings(Settings):
    """A drawn stranger in a loop of poses."""

    dancer: int = setting(0, minimum=0, help="number of the dancer")
    frames: int = setting(24, minimum=1, help="length of the loop")
    steps: int | None = setting(
        None,
        minimum=1,
        maximum=TRAINING_STEPS - 1,
        help="steps of the scheduler; not given: the model's own",
    )
    people: int = setting(8, minimum=1, help="strangers to measure the model on")
