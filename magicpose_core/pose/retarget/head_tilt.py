"""Take out the tilt that a driver's head has against the reference's all clip long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..tracks import PartTrack
from .body_tree import Mask, Points, node
from .framing import HEAD

_NECK, _NOSE = node("neck"), node("nose")
_MOST = np.deg2rad(45)  # that is taken out: more is the pose


def head_tilt(
    driver: tuple[Points, Mask],
    reference: tuple[NDArray[np.float64], NDArray[np.bool_]],
    frame: int,
) -> float:
    """Return by how far the driver's head is turned in the picture against the reference's.

    Args:
        driver: (F, 19, 2) places in pixels and their (F, 19) mask.
        reference: (19, 2) places of the reference and their (19,) mask.
        frame: The neutral frame.

    Returns:
        The angle in radians from the reference's way from neck to nose to the driver's, clockwise;
        0 where one of them does not show both.
    """
    (places, seen), (target, shown) = driver, reference
    ends = [_NECK, _NOSE]
    if not (seen[frame, ends].all() and shown[ends].all()):
        return 0.0
    own, ref = (complex(*(points[_NOSE] - points[_NECK])) for points in (places[frame], target))
    return float(np.angle(own * np.conj(ref)))


def less_tilt(tilt: float, kept: float) -> float:
    """Return the angle in radians by which heads are turned so that a share of their tilt stays."""
    return float((kept - 1) * np.clip(tilt, -_MOST, _MOST))


def turn_heads(
    tracks: Mapping[str, PartTrack], necks: NDArray[np.float64], angle: float
) -> dict[str, PartTrack]:
    """Turn head and face about the neck, by one angle in all frames.

    Args:
        tracks: The parts of a clip.
        necks: (F, 2) places of the neck in pixels.
        angle: In radians, clockwise in the picture.
    """
    body = tracks["body"].places.copy()
    body[:, HEAD] = _turned(body[:, HEAD], necks, angle)
    face = tracks["face"]
    return {
        **tracks,
        "body": replace(tracks["body"], places=body),
        "face": replace(face, places=_turned(face.places, necks, angle)),
    }


def _turned(places: Points, about: NDArray[np.float64], angle: float) -> Points:
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])  # of row vectors, clockwise where y points down
    return (places - about[:, None]) @ turn + about[:, None]
