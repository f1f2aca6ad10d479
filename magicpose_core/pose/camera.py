"""Take a camera's motion out of a clip by the background, so that a pan makes nobody walk."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..video.reader import Frame
from .keypoints import Keypoints, People, PersonPose

_LOG = logging.getLogger("magicpose")
_SIDE = 640  # pixels of the longer side that is looked at
_MOST_POINTS, _FEWEST_POINTS = 400, 12
_AROUND = 0.15  # of a person's size, that is no background on each side
_SEEN = 0.3


def steady(detected: Iterable[tuple[Frame, People]]) -> Iterator[People]:
    """Yield the people of each frame where the first frame's camera would see them.

    Pans, zooms and rolls are taken out, as a similarity between the backgrounds of neighbouring
    frames. Who walks out of the first frame gets places beyond 0..1. Where too little background is
    seen the camera is taken to stand still, and a warning counts such frames.

    Args:
        detected: (H, W, 3) uint8 RGB frames with their people.
    """
    to_first = np.eye(3)
    before: NDArray[np.uint8] | None = None
    others: People = ()
    lost, count = 0, 0
    for frame, people in detected:
        grey = _grey(frame)
        if before is not None:
            step = _step(before, grey, others)
            lost += step is None
            to_first = to_first if step is None else to_first @ np.linalg.inv(step)
        yield tuple(_moved(person, to_first, grey.shape[1::-1]) for person in people)
        before, others = grey, people
        count += 1
    if lost:
        _LOG.warning(
            "the camera could not be followed in %d of %d frames, which show too little "
            "background; it is taken to stand still there",
            lost,
            count,
        )


def _grey(frame: Frame) -> NDArray[np.uint8]:
    scale = min(1.0, _SIDE / max(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _step(
    before: NDArray[np.uint8], now: NDArray[np.uint8], people: People
) -> NDArray[np.float64] | None:
    """Return the (3, 3) similarity from a frame's pixels to the next one's, None where unknown."""
    mask = _background(before.shape[0], before.shape[1], people)
    points = cv2.goodFeaturesToTrack(before, _MOST_POINTS, 0.01, 7, mask=mask)
    if points is None or len(points) < _FEWEST_POINTS:
        return None
    found, status, _ = cv2.calcOpticalFlowPyrLK(before, now, points, None, winSize=(21, 21))
    kept = status.ravel() == 1
    if kept.sum() < _FEWEST_POINTS:
        return None
    similarity, inliers = cv2.estimateAffinePartial2D(
        points[kept], found[kept], method=cv2.RANSAC, ransacReprojThreshold=1.0
    )
    if similarity is None or inliers.sum() < _FEWEST_POINTS:
        return None
    return np.vstack([similarity, [0.0, 0.0, 1.0]])


def _background(height: int, width: int, people: People) -> NDArray[np.uint8]:
    """Return a mask that is 255 where nobody is."""
    mask = np.full((height, width), 255, np.uint8)
    for person in people:
        seen = person.body.visible(_SEEN)
        if not seen.any():
            continue
        places = person.body.xy[seen] * (width, height)
        margin = _AROUND * float(np.linalg.norm(np.ptp(places, axis=0)))
        low = np.maximum(places.min(axis=0) - margin, 0).astype(int)
        high = np.maximum(places.max(axis=0) + margin, 0).astype(int)
        mask[low[1] : high[1], low[0] : high[0]] = 0
    return mask


def _moved(person: PersonPose, transform: NDArray[np.float64], size: tuple[int, int]) -> PersonPose:
    def move(points: Keypoints) -> Keypoints:
        places = points.pixels(*size) @ transform[:2, :2].T + transform[:2, 2]
        return Keypoints.from_pixels(places, points.score, *size)

    return replace(person, **{part: move(points) for part, points in person.parts()})
