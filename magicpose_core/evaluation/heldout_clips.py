"""Clips of dancers that no training has seen, with the rig's exact flow as the truth's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.dancers.clips import DancerClip, draw_clip
from ..data.dancers.framing import Framing
from ..data.dancers.landmarks import draw_pose_map
from ..images import to_uint8
from ..pipeline import MagicPosePipeline
from ..sampling.settings import SamplingSettings
from ..video.reader import Frame
from ..video.spool import spool
from .clip_figures import ClipFrames
from .optical_flow import rig_flows

CLIP_FRAMES = 24


def heldout_clips(
    pipeline: MagicPosePipeline,
    settings: SamplingSettings,
    *,
    people: Sequence[int],
    size: int,
    framing: Framing = "mixed",
    frames: int = CLIP_FRAMES,
) -> Iterator[ClipFrames]:
    """Render smooth clips, the first true frame being the reference.

    Args:
        pipeline: The model.
        settings: How to sample.
        people: Numbers of held-out dancers.
        size: Side of the pictures in pixels.
        framing: How close the camera is.
        frames: Of each clip, the reference not counted.

    Yields:
        A clip for each, its results on disk; the truth is drawn when it is asked for.
    """
    for person in people:
        clip = draw_clip(person, frames + 1, framing=framing)
        yield _rendered(pipeline, settings, clip, size, f"dancer {person}")


def _rendered(
    pipeline: MagicPosePipeline,
    settings: SamplingSettings,
    clip: DancerClip,
    size: int,
    name: str,
) -> ClipFrames:
    drawn = list(clip.frames(size))
    maps = [to_uint8(draw_pose_map(frame.pose, size))[0] for frame in drawn[1:]]
    rendered = pipeline.render(
        drawn[0].picture, np.stack(maps), size=(size, size), settings=settings
    )
    results = spool(rendered)
    truths = [frame.picture for frame in drawn[1:]]
    flows = list(rig_flows(clip, size))[1:]
    return ClipFrames(
        name=name,
        count=len(truths),
        results=lambda: _each(results),
        truths=lambda: iter(truths),
        flows=lambda: iter(flows),
    )


def _each(frames: NDArray[np.uint8]) -> Iterator[Frame]:
    yield from frames
