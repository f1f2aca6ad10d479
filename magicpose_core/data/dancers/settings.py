"""Which synthetic people are drawn, and how; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from ...settings import Settings, setting
from .framing import Framing


@dataclass(frozen=True, kw_only=True)
class DancerDataSettings(Settings):
    """A data set of dancers in the authors' layout."""

    people: int = setting(16, minimum=0, maximum=1_000_000, help="people to train on")
    heldout: int = setting(4, minimum=0, maximum=1_000_000, help="other people, for validation")
    frames: int = setting(24, minimum=1, maximum=1_000_000, help="frames of each person")
    size: int = setting(128, minimum=16, maximum=8192, unit="pixels", help="side of the pictures")
    framing: Framing = setting(
        "mixed", help="how close the camera is; mixed: each person in one of the others"
    )
