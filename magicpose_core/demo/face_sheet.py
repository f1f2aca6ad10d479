"""Faces of a clip enlarged: the truth above the result, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..images import from_uint8, write_image
from ..video.reader import open_clip

Pixels = NDArray[np.uint8]
Box = tuple[slice, slice]
_SIDE = 128  # pixels of an enlarged face
_AROUND = 1.5  # sides of the square around a face, in longer sides of its box
_COLUMNS = 8


def write_face_sheet(path: Path, truth: Path, result: Path, boxes: Sequence[Box]) -> None:
    """Write the sheet of two clips.

    Args:
        path: PNG file.
        truth: Folder or video of the true frames.
        result: The same of the rendered ones.
        boxes: Rows and columns of the face in each frame.

    Raises:
        InputError: A clip cannot be read.
        OutputError: The file cannot be written.
    """
    with open_clip(truth) as true_clip, open_clip(result) as result_clip:
        sheet = face_sheet(list(true_clip.frames), list(result_clip.frames), boxes)
    write_image(path, from_uint8(sheet))


def face_sheet(truths: Sequence[Pixels], results: Sequence[Pixels], boxes: Sequence[Box]) -> Pixels:
    """Cut the faces out of eight frames of a clip, spread evenly, and enlarge them.

    Args:
        truths: True frames (H, W, 3).
        results: As many rendered ones of the same size.
        boxes: Rows and columns of the face in each.

    Returns:
        (2 * 128, N * 128, 3): true faces above rendered ones.
    """
    count = min(_COLUMNS, len(boxes))
    chosen = np.linspace(0, len(boxes), count, endpoint=False).astype(int)
    rows = [
        [_enlarged(frames[number], boxes[number]) for number in chosen]
        for frames in (truths, results)
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def _enlarged(frame: Pixels, box: Box) -> Pixels:
    rows, columns = box
    side = _AROUND * max(rows.stop - rows.start, columns.stop - columns.start)
    middle = np.array([columns.start + columns.stop, rows.start + rows.stop]) / 2 - 0.5
    scale = side / _SIDE
    # pixel k of the sheet shows the place middle + (k + 0.5) * scale - side / 2
    start = middle - side / 2 + scale / 2
    matrix = np.array([[scale, 0, start[0]], [0, scale, start[1]]])
    enlarged: Pixels = cv2.warpAffine(
        frame,
        matrix,
        (_SIDE, _SIDE),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return enlarged
