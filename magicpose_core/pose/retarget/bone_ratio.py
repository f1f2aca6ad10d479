"""How much longer one kind of bone is in the reference than in the driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Source = Literal["measured", "clamped", "foreshortened", "same limb", "whole person", "unknown"]


@dataclass(frozen=True, kw_only=True)
class BoneRatio:
    """The factor of one kind of bone.

    Attributes:
        kind: Which bones: torso, thigh ... head, hands, feet, or the whole person.
        driver: Length in the driver in pixels of the reference's picture, NaN when never seen.
        reference: Length in the reference in pixels, NaN when not seen.
        ratio: The factor that is used.
        source: ``measured`` in both, ``clamped`` to the range about the whole person's ratio, or
            lengthened since the reference shows it ``foreshortened``; not seen in one of them:
            guessed from bones among which are some of the ``same limb``, or from the ``whole
            person``; or ``unknown``: no bone is seen in both, the size stays.
    """

    kind: str
    driver: float
    reference: float
    ratio: float
    source: Source

    @property
    def measured(self) -> bool:
        """Tell whether both people show this bone."""
        return self.source in ("measured", "clamped", "foreshortened")


def bounded_ratio(
    kind: str, driver: float, reference: float, whole: float, limit: float
) -> BoneRatio:
    """Choose the ratio of two lengths, or the whole person's where one is NaN.

    Args:
        kind: Its name in the report.
        driver: Length in pixels.
        reference: Length in pixels.
        whole: Ratio of the whole person, NaN when unknown.
        limit: The ratio lies within ``whole / limit .. whole * limit``.
    """
    measured = reference / driver if driver > 0 else np.nan
    source: Source
    if np.isnan(whole):
        ratio, source = 1.0, "unknown"
    elif np.isnan(measured):
        ratio, source = whole, "whole person"
    else:
        ratio = float(np.clip(measured, whole / limit, whole * limit))
        source = "measured" if ratio == measured else "clamped"
    return BoneRatio(kind=kind, driver=driver, reference=reference, ratio=ratio, source=source)
