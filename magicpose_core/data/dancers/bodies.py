"""Bodies of dancers: how large their parts are, drawn from ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Build = Literal["usual", "chibi"]


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """Lengths in body heights; ``height`` itself in picture heights."""

    height: float
    head: float
    neck: float
    torso: float
    thigh: float
    shin: float
    upper_arm: float
    forearm: float
    hand: float
    shoulders: float
    hips: float
    girth: float


@dataclass(frozen=True, kw_only=True)
class _Ranges:
    """Ranges that bodies are drawn from; most are shares of the body's height."""

    head: tuple[float, float]
    neck: tuple[float, float]
    legs: tuple[float, float]  # share of what head, neck and soles leave
    height: tuple[float, float]
    upper_arm: tuple[float, float]
    forearm: tuple[float, float]
    hand: tuple[float, float]
    shoulders: tuple[float, float]
    hips: tuple[float, float]
    girth: tuple[float, float]


_USUAL = _Ranges(
    head=(0.24, 0.285),
    neck=(0.02, 0.035),
    legs=(0.54, 0.6),
    height=(0.82, 0.93),
    upper_arm=(0.145, 0.165),
    forearm=(0.13, 0.15),
    hand=(0.055, 0.065),
    shoulders=(0.1, 0.135),
    hips=(0.055, 0.075),
    girth=(0.85, 1.3),
)
_CHIBI = _Ranges(  # a head of two fifths of the body, and short limbs
    head=(0.36, 0.44),
    neck=(0.004, 0.014),
    legs=(0.45, 0.53),
    height=(0.74, 0.82),
    upper_arm=(0.12, 0.135),
    forearm=(0.105, 0.12),
    hand=(0.052, 0.06),
    shoulders=(0.095, 0.115),
    hips=(0.06, 0.075),
    girth=(1.1, 1.45),
)
_RANGES: Mapping[Build, _Ranges] = {"usual": _USUAL, "chibi": _CHIBI}
_SOLES = 0.03  # how far below the ankles they are


def draw_body(build: Build, rng: np.random.Generator) -> Proportions:
    """Draw the proportions of a body."""
    ranges = _RANGES[build]
    head, neck, legs = (rng.uniform(*span) for span in (ranges.head, ranges.neck, ranges.legs))
    rest = 1.0 - head - neck - _SOLES
    leg = rest * legs
    return Proportions(
        height=rng.uniform(*ranges.height),
        head=head,
        neck=neck,
        torso=rest - leg,
        thigh=leg * 0.5,
        shin=leg * 0.5,
        upper_arm=rng.uniform(*ranges.upper_arm),
        forearm=rng.uniform(*ranges.forearm),
        hand=rng.uniform(*ranges.hand),
        shoulders=rng.uniform(*ranges.shoulders),
        hips=rng.uniform(*ranges.hips),
        girth=rng.uniform(*ranges.girth),
    )
