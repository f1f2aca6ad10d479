"""Dancers as pictures: moving clips to watch, and free poses to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...pose.keypoints import PersonPose
from .figure import pose_figure
from .landmarks import person_pose
from .motion import Posture, draw_motion, posture_at
from .person import SPLITS, Dancer, Split, draw_dancer
from .render import render_dancer

_POSES, _CLIP = 1, 2  # apart from the stream that draws the person


@dataclass(frozen=True, kw_only=True)
class DancerFrame:
    """One frame: the picture (size, size, 3) uint8 and its exact keypoints."""

    picture: NDArray[np.uint8]
    pose: PersonPose


def dancer_frame(dancer: Dancer, posture: Posture, size: int) -> DancerFrame:
    """Render one frame with its keypoints."""
    figure = pose_figure(dancer.body, posture)
    return DancerFrame(
        picture=render_dancer(dancer, posture, size),
        pose=person_pose(dancer.body, posture, figure),
    )


def free_posture(index: int, frame: int, split: Split = "train") -> Posture:
    """Give the posture of a numbered frame of a dancer, independent of the other frames."""
    rng = np.random.default_rng((SPLITS.index(split), index, _POSES, frame))
    return posture_at(draw_motion(rng), rng.random())


def free_frames(index: int, count: int, split: Split, size: int) -> Iterator[DancerFrame]:
    """Render ``count`` unrelated frames of a dancer."""
    dancer = draw_dancer(index, split)
    for frame in range(count):
        yield dancer_frame(dancer, free_posture(index, frame, split), size)


def clip_postures(index: int, frames: int, split: Split = "heldout") -> list[Posture]:
    """Give the postures of a dancer's smooth loop of ``frames`` frames."""
    rng = np.random.default_rng((SPLITS.index(split), index, _CLIP))
    motion = draw_motion(rng)
    return [posture_at(motion, frame / frames) for frame in range(frames)]
