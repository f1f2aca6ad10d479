"""Is a picture a photo? A model of drawings gets a word of warning then."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..images import fit_size, to_uint8
from ..weights.notes import ModelNote

_FLAT = 2  # of 255, between neighbours in one surface
_DRAWN = 0.6  # share of such pixels: drawn dancers have 0.81 and more, photos of people 0.05 to 0.4
_SIDE = 128  # pixels that the judgement is made at


def looks_drawn(picture: Tensor) -> bool:
    """Tell whether most of a picture (1, 3, H, W) in [0, 1] is flat colour, as in a drawing."""
    pixels = to_uint8(fit_size(picture, _SIDE, _SIDE))[0].astype(np.int16)
    across = np.abs(np.diff(pixels, axis=1)).max(axis=2)[:-1]
    down = np.abs(np.diff(pixels, axis=0)).max(axis=2)[:, :-1]
    return bool((np.maximum(across, down) <= _FLAT).mean() >= _DRAWN)


def photo_warning(note: ModelNote | None, reference: Tensor) -> str | None:
    """Say in plain words that a photo meets a model of drawings; None where all is well.

    Args:
        note: The model's.
        reference: Pictures of the person (R, 3, H, W) in [0, 1].
    """
    if note is None or not note.drawn or all(looks_drawn(row[None]) for row in reference):
        return None
    return (
        f"this model knows {note.kind or 'drawings'} and nothing else, and the picture looks like "
        "a photo: the result will not look like the person; load a MagicPose model for photos "
        "(README, 'Weights')"
    )
