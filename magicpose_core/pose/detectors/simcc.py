"""Cut people out for RTMPose and DWPose, and read their SimCC output (Li et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from ...video.reader import Frame

Affine = NDArray[np.float64]
"""(2, 3): pixels of the picture -> pixels of the cut-out."""

_AROUND = 1.25  # the box and a quarter more, as in training
_MEAN = np.array([123.675, 116.28, 103.53])
_DEVIATION = np.array([58.395, 57.12, 57.375])


def cut_out(
    frame: Frame, box: NDArray[np.float64], width: int, height: int
) -> tuple[NDArray[np.float32], Affine]:
    """Cut a box out of a picture with some room, its aspect kept.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: (4,) left, top, right, bottom in pixels.
        width: Width of the cut-out in pixels.
        height: Height of the cut-out in pixels.

    Returns:
        (1, 3, height, width) float32, normalised as ImageNet, and the map into it.
    """
    center = (box[:2] + box[2:]) / 2
    room = _AROUND * np.maximum(box[2:] - box[:2], 1.0)
    scale = min(width / room[0], height / room[1])
    affine = np.array(
        [
            [scale, 0, width / 2 - scale * center[0]],
            [0, scale, height / 2 - scale * center[1]],
        ]
    )
    cut = cv2.warpAffine(frame, affine, (width, height), flags=cv2.INTER_LINEAR)
    normal = (cut - _MEAN) / _DEVIATION
    return normal.transpose(2, 0, 1)[None].astype(np.float32), affine


def decode_simcc(
    outputs: Sequence[NDArray[np.float32]], width: int, affine: Affine
) -> NDArray[np.float64]:
    """Read the points of one person.

    Args:
        outputs: (1, K, width * r) and (1, K, height * r): how likely each column and row is.
        width: Width of the cut-out, for the resolution r.
        affine: The map of ``cut_out``.

    Returns:
        (K, 3): x and y in pixels of the picture, score in 0..1.

    Raises:
        CheckpointError: The output has another form.
    """
    if len(outputs) < 2 or any(output.ndim != 3 for output in outputs[:2]):
        raise CheckpointError(
            "the pose network must give columns (1, K, W) and rows (1, K, H), got "
            f"{[output.shape for output in outputs]}; it is not RTMPose or DWPose"
        )
    columns, rows = outputs[0][0], outputs[1][0]
    resolution = columns.shape[1] / width
    places = np.stack([columns.argmax(axis=1), rows.argmax(axis=1)], axis=1) / resolution
    score = np.minimum(columns.max(axis=1), rows.max(axis=1)).clip(0, 1)
    in_picture = (places - affine[:, 2]) / affine[[0, 1], [0, 1]]
    return np.concatenate([in_picture, score[:, None]], axis=1)
