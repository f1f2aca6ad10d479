"""Who is followed, and how keypoints are cleaned up; nothing heavy is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from ...errors import InputError
from ...settings import Settings, setting

Rule = Literal["tracked", "largest", "left", "index"]
Filter = Literal["savitzky-golay", "one-euro", "none"]
FILTERS: tuple[Filter, ...] = get_args(Filter)


@dataclass(frozen=True, kw_only=True)
class PersonChoice(Settings):
    """Who is followed."""

    rule: Rule = setting(
        "tracked",
        help="tracked: the largest of the first frame that shows anybody, followed; largest: in "
        "each frame on its own; left: counted from the left edge; index: the detector's order",
    )
    number: int = setting(0, minimum=0, help="which one, from 0, for left and index")

    def __str__(self) -> str:
        return f"{self.rule}:{self.number}" if self.rule in ("index", "left") else self.rule

    @classmethod
    def parse(cls, text: str) -> PersonChoice:
        """Read ``tracked``, ``largest``, ``index:1`` or ``left:0``."""
        found = re.fullmatch(r"(tracked|largest)|(index|left):([0-9]{1,9})", text)
        if found is None:
            raise InputError(f"person must be tracked, largest, index:N or left:N, got {text!r}")
        alone, counted, number = found.groups()
        if counted == "index":
            return cls(rule="index", number=int(number))
        if counted == "left":
            return cls(rule="left", number=int(number))
        return cls(rule="largest" if alone == "largest" else "tracked")


@dataclass(frozen=True, kw_only=True)
class SmoothSettings(Settings):
    """How keypoints are cleaned up: swapped sides, jumps, short gaps, jitter."""

    filter: Filter = setting(
        "savitzky-golay",
        help="savitzky-golay fits parabolas; one-euro holds slow movements stiller; none only "
        "repairs",
    )
    window: float = setting(
        0.3, minimum=0, maximum=5, unit="s", help="length of the parabolas (savitzky-golay)"
    )
    cutoff: float = setting(
        2.0, minimum=0, unit="1/s", help="cut-off frequency of a point at rest (one-euro)"
    )
    speed_gain: float = setting(
        8.0, minimum=0, unit="1/s per body height per s", help="growth of the cut-off (one-euro)"
    )
    longest_gap: float = setting(
        0.3, minimum=0, maximum=10, unit="s", help="gaps up to this length are filled"
    )
    jump: float = setting(
        0.1,
        minimum=0,
        maximum=10,
        unit="body heights",
        help="points that far off their neighbours in time are taken out",
    )
    score_threshold: float = setting(
        0.3, minimum=0, maximum=1, help="points with a lower score are not leant on"
    )
    repair_swaps: bool = setting(
        True, help="put left and right back where the detector swapped them"
    )
    repair_hands: bool = setting(
        True,
        help="swap hands back that lie at each other's wrists, and leave out those that begin far "
        "from theirs or are too large",
    )
