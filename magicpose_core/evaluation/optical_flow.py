"""The flow of the truth, along which results are followed from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ..data.dancers.clips import DancerClip
from ..data.dancers.flow import exact_flow
from ..errors import InputError
from ..video.reader import Frame

# Sundaram, Brox and Keutzer 2010, eq. 5: how far forward and backward flow may disagree
_RELATIVE, _ABSOLUTE = 0.01, 0.5


@dataclass(frozen=True, kw_only=True)
class BackwardFlow:
    """Where the pixels of a frame come from.

    Attributes:
        flow: (H, W, 2) float32, pixels to the right and down from each pixel of a frame to its
            place in the frame before.
        valid: (H, W) bool: the place is known, inside the picture and not hidden there.
    """

    flow: NDArray[np.float32]
    valid: NDArray[np.bool_]


def estimated_flows(truths: Iterable[Frame]) -> Iterator[BackwardFlow]:
    """Estimate the flow from each true frame but the first to the one before it.

    A pixel is valid where the flow there and back agree.

    Args:
        truths: F true frames (H, W, 3) uint8, both sides 16 pixels or more.

    Returns:
        F - 1 flows, one at a time.

    Raises:
        InputError: A frame is smaller than the estimator can take.

    Source: OpenCV's dense inverse search (Kroeger et al. 2016), medium preset.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    for before, after in pairwise(_grey(frame) for frame in truths):
        backward, forward = search.calc(after, before, None), search.calc(before, after, None)
        yield BackwardFlow(flow=backward, valid=_agree(backward, forward))


def rig_flows(clip: DancerClip, size: int) -> Iterator[BackwardFlow]:
    """Compute the exact flow of a drawn clip, as :func:`estimated_flows` estimates it."""
    for before, after in pairwise(clip.scenes()):
        exact = exact_flow(after, before, size)
        yield BackwardFlow(flow=exact.flow, valid=exact.valid)


def follow(before: NDArray[np.float32], flow: BackwardFlow) -> NDArray[np.float32]:
    """Bring a frame (H, W, 3) to where the flow says that its pixels are in the next one."""
    x, y = _places(flow.flow)
    return _sample(before, x, y)


def _agree(backward: NDArray[np.float32], forward: NDArray[np.float32]) -> NDArray[np.bool_]:
    x, y = _places(backward)
    returned = _sample(forward, x, y)
    miss = np.square(backward + returned).sum(axis=2)
    length = np.square(backward).sum(axis=2) + np.square(returned).sum(axis=2)
    height, width = miss.shape
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    agree: NDArray[np.bool_] = inside & (miss <= _RELATIVE * length + _ABSOLUTE)
    return agree


def _places(flow: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _sample(
    picture: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Sample a picture bilinearly; its edge goes on outside."""
    return np.asarray(
        cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _grey(frame: Frame) -> NDArray[np.uint8]:
    if min(frame.shape[:2]) < 16:
        raise InputError(
            f"flow needs frames of 16 x 16 pixels or more, got {frame.shape[1]} x {frame.shape[0]}"
        )
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
