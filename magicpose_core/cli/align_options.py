"""Options of alignment that ``align`` and ``generate`` share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..pose.retarget.settings import ANCHORS

if TYPE_CHECKING:
    from ..pose.retarget.settings import AlignSettings


def add_align_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that :func:`align_settings` reads, but for the strength."""
    group.add_argument(
        "--anchor",
        choices=ANCHORS,
        default="auto",
        help="what stands where the reference has it; auto: the neck, where both show it (auto)",
    )
    group.add_argument(
        "--anchor-frame",
        type=int,
        metavar="N",
        help="frame, from 0, in which it stands there (default: the one that looks most like the "
        "reference)",
    )
    group.add_argument(
        "--walk",
        type=float,
        metavar="SHARE",
        help="of the way through the picture, 0 stays in place, 1 walks (default: 0 in close-ups, "
        "else 1)",
    )
    group.add_argument(
        "--leave-picture",
        action="store_true",
        help="do not shorten the walk where the head would leave the picture",
    )


def align_settings(arguments: argparse.Namespace, strength: float) -> AlignSettings:
    """Return how poses are aligned."""
    from ..pose.retarget.settings import AlignSettings

    return AlignSettings(
        strength=strength,
        anchor=arguments.anchor,
        anchor_frame=arguments.anchor_frame,
        walk=arguments.walk,
        keep_inside=not arguments.leave_picture,
    )
