"""Where windows of a motion module meet: do clips jump there more than elsewhere?

    python -m magicpose_core.evaluation.seams --motion FILE --frames 64

A step is how far the change from a frame to the next is from the truth's change, in the mean over
all pixels; the ratio is that of the steps over a seam to those elsewhere. 1 shows no seam.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.dancers.framing import SHOTS, Framing
from ..pipeline import MagicPosePipeline
from ..pipeline_loading import load_pipeline
from ..sampling.settings import SamplingSettings
from ..sampling.windows import FrameWindows
from ..sizes import default_size
from .moving_dancers import moving_case, rendering
from .report import markdown_table

Pixels = NDArray[np.uint8]
_OVERLAPS = (0, 4)


def seams(windows: Iterable[Sequence[int]], frames: int) -> list[int]:
    """List the steps, each named by the frame it starts from, over which other windows take over.

    Example:
        >>> seams([range(0, 4), range(2, 6)], 6)
        [1, 3]
    """
    covering: list[set[int]] = [set() for _ in range(frames)]
    for number, window in enumerate(windows):
        for frame in window:
            covering[frame].add(number)
    return [frame for frame in range(frames - 1) if covering[frame] != covering[frame + 1]]


def steps(results: Pixels, truths: Pixels) -> NDArray[np.float64]:
    """Measure each step (F - 1,) of results (F, H, W, 3) in 0..255 levels."""
    ours, true = (np.diff(clip.astype(np.float32), axis=0) for clip in (results, truths))
    return np.abs(ours - true).mean(axis=(1, 2, 3), dtype=np.float64)


def seam_ratio(measured: NDArray[np.float64], at: Collection[int]) -> float:
    """Divide the mean of the steps over seams by that of all others."""
    over = np.isin(np.arange(len(measured)), list(at))
    return float(measured[over].mean() / measured[~over].mean())


def seam_figures(
    pipeline: MagicPosePipeline,
    motion: MagicPosePipeline,
    people: range,
    *,
    frames: int,
    size: int,
    framing: Framing = "mixed",
) -> dict[str, dict[str, float]]:
    """Compare clips with and without overlap at the seams, and each frame alone at the same places.

    Args:
        pipeline: The model without a motion module.
        motion: The model with it.
        people: Numbers of held-out dancers.
        frames: Of each clip, more than a window.
        size: Side of the pictures in pixels.
        framing: How close the camera is.

    Returns:
        Name -> ``seam_ratio``, and the mean ``step`` of all.
    """
    network = motion.models.denoiser.motion
    if network is None:
        raise ValueError("motion has no motion module")
    length = min(network.window_length, network.positions)
    rows: dict[str, list[tuple[float, float]]] = {}
    for index in people:
        case = moving_case(index, frames, size, framing)
        alone = steps(rendering(pipeline, SamplingSettings())(case), case.truth)
        for overlap in _OVERLAPS:
            at = seams(FrameWindows(length, overlap).over(frames), frames)
            clip = rendering(motion, SamplingSettings(window_overlap=overlap))(case)
            for name, measured in (
                (f"with module, overlap {overlap}", steps(clip, case.truth)),
                (f"each frame alone, same places as overlap {overlap}", alone),
            ):
                figures = (seam_ratio(measured, at), float(measured.mean()))
                rows.setdefault(name, []).append(figures)
    means = {name: np.mean(values, axis=0) for name, values in rows.items()}
    return {name: {"seam_ratio": float(m[0]), "step": float(m[1])} for name, m in means.items()}


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, help="default: the demo model of the package")
    parser.add_argument("--motion", type=Path, required=True, help="motion module")
    parser.add_argument("--first", type=int, default=0, help="number of the first dancer")
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--framing", choices=("mixed", *SHOTS), default="mixed")
    arguments = parser.parse_args(words)
    pipeline = load_pipeline(arguments.checkpoint, dtype="fp32")
    motion = load_pipeline(arguments.checkpoint, motion_module=arguments.motion, dtype="fp32")
    figures = seam_figures(
        pipeline,
        motion,
        range(arguments.first, arguments.first + arguments.people),
        frames=arguments.frames,
        size=default_size(pipeline.models.note)[0],
        framing=arguments.framing,
    )
    sys.stdout.write(markdown_table(figures))


if __name__ == "__main__":
    main()
