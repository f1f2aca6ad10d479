"""Pictures to check poses by: a pose over its frame, and a pose before and after alignment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .draw import draw_poses
from .draw_style import DrawStyle
from .keypoints import PersonPose

_DIMMED = 0.6  # of the frame's brightness under a pose


def overlay_poses(
    frame: NDArray[np.uint8], people: Sequence[PersonPose], style: DrawStyle | None = None
) -> NDArray[np.uint8]:
    """Draw people over their frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        people: Those of the frame.
        style: The training style when None.

    Returns:
        (H, W, 3) uint8: the frame dimmed, the pose in full colours.
    """
    height, width = frame.shape[:2]
    drawn = draw_poses(people, height, width, style)
    shown = drawn.any(axis=2, keepdims=True)
    return np.where(shown, drawn, (frame * _DIMMED).astype(np.uint8))


def before_and_after(
    picture: NDArray[np.uint8],
    before: Sequence[PersonPose],
    after: Sequence[PersonPose],
    style: DrawStyle | None = None,
) -> NDArray[np.uint8]:
    """Lay the driver's pose (left) and the aligned one (right) over the reference's picture.

    Args:
        picture: (H, W, 3) uint8 RGB of the reference.
        before: The driver's people, in the coordinates of the picture.
        after: The aligned ones.
        style: The training style when None.

    Returns:
        (H, 2 W, 3) uint8.
    """
    return np.concatenate(
        [overlay_poses(picture, people, style) for people in (before, after)], axis=1
    )
