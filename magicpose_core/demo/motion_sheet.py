"""What the motion module of the demo changes, in figures and in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.dancers.clips import DancerClip
from ..evaluation.optical_flow import rig_flows
from ..evaluation.temporal import flicker, warp_error
from ..images import from_uint8, write_image
from ..video.frames import side_by_side

Pixels = NDArray[np.uint8]
_HEIGHT = 384  # of the sheet


def temporal_figures(
    clips: Mapping[str, Pixels], truth: Pixels, drawn: DancerClip
) -> dict[str, dict[str, float]]:
    """Measure how calm clips are.

    Args:
        clips: Name -> frames (F, S, S, 3).
        truth: The true frames.
        drawn: What happens in them.

    Returns:
        Name -> ``flicker`` of what stands still and ``warp_error`` along the motion, as far as the
        clip is long enough for them.
    """
    if len(truth) < 3:
        return {name: {} for name in clips}
    flows = list(rig_flows(drawn, truth.shape[1]))
    figures = {
        name: {"flicker": flicker(clip, truth), "warp_error": warp_error(clip, flows)}
        for name, clip in clips.items()
    }
    return {
        name: {metric: value for metric, value in values.items() if value is not None}
        for name, values in figures.items()
    }


def write_motion_sheet(path: Path, clips: Mapping[str, Pixels], row: int) -> None:
    """Write :func:`motion_sheet` of the clips as a PNG file.

    Raises:
        OutputError: It cannot be written.
    """
    write_image(path, from_uint8(motion_sheet(clips, row)))


def motion_sheet(clips: Mapping[str, Pixels], row: int) -> Pixels:
    """Show one row of pixels through time: that of each frame below that of the frame before.

    What stands still is an upright line, what moves evenly a slanted one, and what trembles a comb.

    Args:
        clips: Label -> frames (F, S, S, 3).
        row: Which row, 0 at the top.

    Returns:
        (about 384 + label, sum of widths, 3).
    """
    slices = [enlarge(frames[:, row]) for frames in clips.values()]
    return side_by_side(slices, list(clips))


def enlarge(row_through_time: Pixels) -> Pixels:
    """Repeat a row through time (F, S, 3) twice across, and down to about 384 rows."""
    times = max(1, _HEIGHT // len(row_through_time))
    return row_through_time.repeat(times, axis=0).repeat(2, axis=1)
