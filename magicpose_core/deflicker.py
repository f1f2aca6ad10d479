"""Deflicker after the fact: light and colour of each frame matched to the reference's background.

What is compared is the background that stands still: pixels away from the pose in which frame and
reference are nearly alike. Their differences' medians, one per channel, are taken off the whole
frame. Textures are left alone: only a common tint changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .images import fit_size
from .models.pose_hints import PoseMaps

_NEARLY_ALIKE = 0.15  # of 1; a background that differs by more is another one
_LEAST_SHARE = 0.05  # of the picture: fewer pixels say nothing
_BODY = 0.08  # of the height: how far a body reaches beyond the lines of its pose


def deflicker(
    frames: Iterable[Tensor],
    reference: Tensor,
    pose_maps: PoseMaps,
    *,
    reference_per_frame: bool = False,
) -> Iterator[Tensor]:
    """Match frames to the background of the reference, one at a time.

    Args:
        frames: F frames (3, H, W) in [0, 1].
        reference: (R, 3, H', W') in [0, 1], pictures of the person; the first one counts.
        pose_maps: F maps (H, W, 3) uint8.
        reference_per_frame: Picture f counts for frame f.

    Returns:
        The frames; those in which too little of the reference's background is seen are as they
        were.
    """
    for number, frame in enumerate(frames):
        row = number if reference_per_frame else 0
        picture = fit_size(reference[row : row + 1].to(frame), *frame.shape[1:])[0]
        yield _match(frame, picture, _away_from_the_pose(pose_maps[number]))


def _match(frame: Tensor, reference: Tensor, background: NDArray[np.bool_]) -> Tensor:
    difference = reference - frame
    alike = (difference.abs() < _NEARLY_ALIKE).all(dim=0)
    compared = alike & torch.from_numpy(background).to(alike.device)
    if compared.float().mean() < _LEAST_SHARE:
        return frame
    tint = difference[:, compared].median(dim=1).values
    return (frame + tint[:, None, None]).clamp(0, 1)


def _away_from_the_pose(pose_map: NDArray[np.uint8]) -> NDArray[np.bool_]:
    lines = pose_map.any(axis=2).astype(np.uint8)
    reach = 2 * max(1, round(_BODY * pose_map.shape[0])) + 1
    grown = cv2.dilate(lines, np.ones((reach, reach), np.uint8))
    away: NDArray[np.bool_] = grown == 0
    return away
