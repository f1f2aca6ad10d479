"""How poses are aligned to a person; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...settings import Settings, setting

Anchor = Literal["auto", "neck", "hips", "feet"]


@dataclass(frozen=True, kw_only=True)
class AlignSettings(Settings):
    """How poses are aligned."""

    strength: float = setting(
        1.0,
        minimum=0,
        maximum=1,
        help="0 keeps the driver's bones (fitted into the picture), 1 gives the reference's",
    )
    anchor: Anchor = setting(
        "auto",
        help="what stands where the reference has it; auto takes the neck where both people show "
        "it, sharing the nose's error, else what lies nearest to the root that both show",
    )
    anchor_frame: int | None = setting(
        None,
        minimum=0,
        help="frame, from 0, in which the anchor stands there (not given: the one that looks most "
        "like the reference)",
    )
    walk: float | None = setting(
        None,
        minimum=0,
        maximum=1,
        help="how much of the driver's way through the picture is kept: 0 stays in place, 1 walks "
        "(not given: 0 in close-ups that hide the hips, else 1); sways and bounces of less than a "
        "second stay",
    )
    score_threshold: float = setting(
        0.3,
        minimum=0,
        maximum=1,
        help="points with a lower score are moved along but neither measured nor leant on",
    )
    limit: float = setting(
        2.0,
        minimum=1,
        maximum=10,
        help="a bone changes at most by this factor against the whole person",
    )
    keep_inside: bool = setting(
        True,
        help="shorten the walk where the head would leave the picture, and hold it inside where it "
        "would leave standing still",
    )
    head_size: float = setting(
        1.0,
        minimum=0.2,
        maximum=5,
        help="makes the head larger or smaller than measured, about the nose, as for drawn figures",
    )
    head_tilt: float = setting(
        0.0,
        minimum=0,
        maximum=1,
        help="how much is kept of the tilt in the picture by which the driver's head differs from "
        "the reference's all clip long: 0 takes up to 45 degrees of it out, so that the face lies "
        "on the reference's; 1 keeps the driver's",
    )
    expression: float = setting(
        1.0,
        minimum=0,
        maximum=1.5,
        help="strength of the face's movements about the driver's own neutral face: 0 keeps it "
        "still, 1 is the driver's, more exaggerates; the gaze stays",
    )
    zoom: float = setting(
        1.0,
        minimum=0.1,
        maximum=10,
        help="enlarges the aligned person about the middle of the picture",
    )
    shift_x: float = setting(
        0.0,
        minimum=-1,
        maximum=1,
        help="moves the aligned person to the right, as a share of the picture's width",
    )
    shift_y: float = setting(
        0.0,
        minimum=-1,
        maximum=1,
        help="moves the aligned person down, as a share of the picture's height",
    )
    plant_feet: bool = setting(
        False,
        help="let feet stand while the driver's stand, where other bones would make them slide",
    )
