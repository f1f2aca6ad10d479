"""The frames of a clip that look like a picture: where places and foreshortened sizes compare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .body_tree import Mask, Points, node

_ALIKE, _NEARLY = 0.85, 0.02  # cosines: of like frames, and how far they lie from the best
_DIGITS = 5  # of a cosine: what 32-bit places hold
_NECK = node("neck")
_AROUND = [
    node("nose"),
    *(
        node(f"{side}_{joint}")
        for joint in ("eye", "ear", "shoulder")
        for side in ("right", "left")
    ),
]


def neutral_frame(driver: tuple[Points, Mask], reference: tuple[Points, Mask]) -> int | None:
    """Return the driver's frame whose head and shoulders look most like the reference's.

    Compared are the ways from the neck to nose, eyes, ears and shoulders as one vector, whatever
    its length: by the cosine between the frame's and the reference's; points that the frame does
    not show count as 0.

    Args:
        driver: (F, 19, 2) places in pixels and their (F, 19) mask.
        reference: The same of the reference, one frame.

    Returns:
        The earliest of the frames with the largest cosine; None where the neck and one more point
        are never shown by both.
    """
    cosines = likeness(driver, reference)
    return None if cosines is None else int(np.argmax(np.round(cosines, _DIGITS)))


def alike_frames(driver: tuple[Points, Mask], reference: tuple[Points, Mask]) -> NDArray[np.int_]:
    """Return the frames whose head and shoulders are turned as the reference's are, maybe none.

    Only such frames tell how long what a turn foreshortens is against the reference's.

    Args:
        driver: As in ``neutral_frame``.
        reference: The same of the reference, one frame.
    """
    cosines = likeness(driver, reference)
    if cosines is None or cosines.max() < _ALIKE:
        return np.zeros(0, int)
    return np.flatnonzero(cosines >= max(_ALIKE, cosines.max() - _NEARLY))


def likeness(
    driver: tuple[Points, Mask], reference: tuple[Points, Mask]
) -> NDArray[np.float64] | None:
    """Return the cosine (F,) of each frame, -1 where it shows nothing to compare.

    Args:
        driver: As in ``neutral_frame``.
        reference: The same of the reference, one frame.

    Returns:
        None where the neck and one more point are never shown by both.
    """
    (places, seen), (target, shown) = driver, reference
    joints = [joint for joint in _AROUND if shown[0, joint]]
    if not shown[0, _NECK] or not joints:
        return None
    wanted = (target[0, joints] - target[0, _NECK]).ravel()
    compared = seen[:, joints] & seen[:, [_NECK]]
    ways = (places[:, joints] - places[:, [_NECK]]) * compared[..., None]
    ways = ways.reshape(len(places), -1)
    lengths = np.linalg.norm(ways, axis=1) * np.linalg.norm(wanted)
    if not lengths.any():
        return None
    unlike = np.full(len(places), -1.0)
    return np.asarray(np.divide(ways @ wanted, lengths, out=unlike, where=lengths > 0))
