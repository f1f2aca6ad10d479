"""How much longer the reference person's bones are than the driver's, each kind on its own.

A picture shows a bone at its true length or foreshortened, never longer. So a bone of the driver
is as long as it is in nearly its longest frame, the two sides of a body lend each other their
lengths, and no bone is believed to differ wildly from the whole person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .body_tree import (
    BONES,
    HIPS,
    LIMBS,
    SHOULDERS,
    TYPICAL_LENGTH,
    Mask,
    Points,
    guess_trunk,
    node,
)
from .neutral import alike_frames

Source = Literal["measured", "clamped", "same limb", "whole person", "unknown"]
Pair = tuple[int, int]
Seen = tuple[Points, Mask]

_NEARLY_LONGEST = 0.9  # quantile over the frames: the longest frame is the noisiest one
_WIDTHS = ("shoulders", "hips")
_NARROW = 0.6  # of the typical width for the person's size
_FORESHORTENED = 0.6  # quantile of the heights that one picture's bones stand for
# Of a typical bone, where bones of its limb are measured and where none is.
_CAUTIOUS = {True: 0.97, False: 0.89}
