"""Find people as boxes with YOLOX: letterbox, decode, and drop doubles."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from ...video.reader import Frame

Boxes = NDArray[np.float64]
"""(P, 5): left, top, right, bottom in pixels, score."""

_STRIDES = (8, 16, 32)
_GREY = 114
_PERSON = 0  # among COCO's classes
_LEAST_SCORE = 0.3
_SAME_PERSON = 0.45  # overlap (intersection over union)


def letterbox(frame: Frame, side: int) -> tuple[NDArray[np.float32], float]:
    """Fit a picture into the upper left of a grey square.

    Args:
        frame: (H, W, 3) uint8 RGB.
        side: Of the square, in pixels.

    Returns:
        (1, 3, side, side) float32 BGR in 0..255 as YOLOX was trained on, and the scale.
    """
    height, width = frame.shape[:2]
    scale = min(side / height, side / width)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    square = np.full((side, side, 3), _GREY, np.uint8)
    square[: size[1], : size[0]] = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    planes = square[..., ::-1].transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planes, np.float32), scale


def decode_boxes(outputs: Sequence[NDArray[np.float32]], side: int, scale: float) -> Boxes:
    """Turn YOLOX's output into boxes of people, the surest first.

    Args:
        outputs: (1, N, 85) of the plain export, N = the cells of three grids, or (1, N, 5) boxes
            with scores of one that has dropped doubles itself, then with their classes (1, N).
        side: Of the square picture that went in.
        scale: Of ``letterbox``.

    Raises:
        CheckpointError: The output is neither of both.
    """
    rows = outputs[0][0].astype(np.float64) if outputs[0].ndim == 3 else np.zeros((0, 0))
    cells = sum((side // stride) ** 2 for stride in _STRIDES)
    if rows.shape[1] > 5 and len(rows) == cells:
        corners, scores = _from_grids(rows, side)
    elif rows.shape[1] == 5:
        people = outputs[1][0] == _PERSON if len(outputs) > 1 else np.ones(len(rows), bool)
        corners, scores = rows[people, :4], rows[people, 4]
    else:
        raise CheckpointError(
            f"the box network must give (1, {cells}, 85) or (1, N, 5), got "
            f"{[output.shape for output in outputs]}; it is not YOLOX"
        )
    kept = _without_doubles(corners, scores)
    return np.concatenate([corners[kept] / scale, scores[kept, None]], axis=1)


def _from_grids(
    rows: NDArray[np.float64], side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    origins, strides = [], []
    for stride in _STRIDES:
        count = side // stride
        down, across = np.divmod(np.arange(count * count), count)
        origins.append(np.stack([across, down], axis=1))
        strides.append(np.full((count * count, 1), stride))
    stride_of = np.concatenate(strides)
    center = (rows[:, :2] + np.concatenate(origins)) * stride_of
    half = np.exp(rows[:, 2:4]) * stride_of / 2
    return np.concatenate([center - half, center + half], axis=1), rows[:, 4] * rows[:, 5 + _PERSON]


def _without_doubles(corners: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.int_]:
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), _LEAST_SCORE, _SAME_PERSON)
    return np.asarray(kept, int).reshape(-1)
