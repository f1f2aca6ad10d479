"""How poses are aligned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...errors import InputError

Anchor = Literal["auto", "neck", "hips", "feet"]
ANCHORS: tuple[Anchor, ...] = ("auto", "neck", "hips", "feet")


@dataclass(frozen=True, kw_only=True)
class AlignSettings:
    """How poses are aligned.

    Attributes:
        strength: 0 leaves the driver (fitted into the picture), 1 gives it the reference's bones.
        anchor: What stands where the reference has it: ``auto`` takes the neck where both people
            show it, else what lies nearest to the root that both show.
        anchor_frame: Number of the frame, from 0, in which the anchor stands there; None takes the
            one that looks most like the reference (see ``neutral``).
        walk: How much of the driver's way through the picture is kept: 0 stays in place, 1 walks.
            None walks where the reference shows the hips, and stays in place in a close-up. Sways
            and bounces of less than a second stay in any case.
        score_threshold: Points with a lower score (0..1) are moved along but neither measured nor
            leant on.
        limit: A bone's ratio lies within this factor of the whole person's.
        keep_inside: Shorten the walk where the head would leave the picture, and hold it inside
            where it would leave standing still.
    """

    strength: float = 1.0
    anchor: Anchor = "auto"
    anchor_frame: int | None = None
    walk: float | None = None
    score_threshold: float = 0.3
    limit: float = 2.0
    keep_inside: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise InputError(f"alignment strength must lie in 0..1, got {self.strength}")
        if self.anchor not in ANCHORS:
            raise InputError(f"alignment anchors are {ANCHORS}, got {self.anchor!r}")
        if self.anchor_frame is not None and self.anchor_frame < 0:
            raise InputError(f"anchor_frame counts from 0, got {self.anchor_frame}")
        if self.walk is not None and not 0 <= self.walk <= 1:
            raise InputError(f"walk must lie in 0..1 (0 stays in place), got {self.walk}")
        if not 0 <= self.score_threshold <= 1 or not self.limit >= 1:
            raise InputError(
                "alignment needs score_threshold in 0..1 and a limit of 1 or more, got "
                f"{self.score_threshold} and {self.limit}"
            )
