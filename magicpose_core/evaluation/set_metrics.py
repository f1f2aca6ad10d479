"""Metrics that compare the set of all results with the set of all true frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..video.reader import Frame
from .clip_figures import COPIED, RESULT, ROWS, ClipFrames, Figures
from .folder_report import SetMetric
from .frechet import frechet_distance

FrameFeatures = Callable[[Frame], NDArray[np.float64]]  # -> (C,)
ClipFeatures = Callable[[Tensor], Tensor]  # (1, 3, F, S, S) in 0..255 -> (1, C)


def kernel_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Measure the squared maximum mean discrepancy of two sets of features, without bias.

    Args:
        first: (N, C), two rows or more.
        second: (M, C), two rows or more.

    Returns:
        About 0 for samples of one distribution, and below it by chance.

    Raises:
        InputError: A set has fewer than two rows, or the widths differ.

    Source: Binkowski et al. 2018, eq. 4, kernel (x y / C + 1)^3, over all rows instead of subsets.
    """
    for rows in (first, second):
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] != first.shape[1]:
            raise InputError(
                "features must be (N, C) with at least two rows and one width, got "
                f"{first.shape} and {second.shape}"
            )

    def kernel(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.floating]:
        return (one @ other.T / one.shape[1] + 1) ** 3

    def without_itself(rows: NDArray[np.floating]) -> float:
        values = kernel(rows, rows)
        return float((values.sum() - np.trace(values)) / (len(rows) * (len(rows) - 1)))

    across = float(kernel(first, second).mean())
    return without_itself(first) + without_itself(second) - 2 * across


def distances_of_frames(features: FrameFeatures, *, frechet: str, kernel: str | None) -> SetMetric:
    """Give the Frechet and the kernel distance of all frames, under these names."""

    def measure(clips: Sequence[ClipFrames]) -> dict[str, Figures]:
        truth = np.stack([features(frame) for clip in clips for frame in clip.truths()])
        found: dict[str, Figures] = {row: {} for row in ROWS}
        for row in (RESULT, COPIED):
            rows = np.stack([features(frame) for clip in clips for frame in _frames(clip, row)])
            found[row][frechet] = frechet_distance(rows, truth)
            if kernel is not None:
                found[row][kernel] = kernel_distance(rows, truth)
        return found

    return SetMetric(names=f"{frechet}, {kernel}" if kernel else frechet, measure=measure)


def distances_of_clips(
    features: ClipFeatures, *, frames: int, size: int, pooled: str, per_clip: str | None
) -> SetMetric:
    """Give the Frechet distance of pieces of clips.

    Args:
        features: Of one piece.
        frames: Of a piece; pieces follow each other, and what is left at a clip's end is not seen.
        size: Side that frames are brought to, in pixels.
        pooled: Name of the distance of all pieces of all clips.
        per_clip: Name of the mean of each clip's own distance; clips of one piece have none.
    """

    def of_clip(clip: ClipFrames, row: str) -> NDArray[np.float64] | None:
        pieces = list(_pieces(_frames(clip, row), frames, size))
        if not pieces:
            return None
        return np.concatenate([features(piece).double().numpy() for piece in pieces])

    def measure(clips: Sequence[ClipFrames]) -> dict[str, Figures]:
        found: dict[str, Figures] = {row: {} for row in ROWS}
        truths = [of_clip(clip, "truth") for clip in clips]
        for row in (RESULT, COPIED):
            pairs = [
                (ours, true)
                for clip, true in zip(clips, truths, strict=True)
                if true is not None and (ours := of_clip(clip, row)) is not None
            ]
            count = sum(len(ours) for ours, _ in pairs)
            if count < 2:
                raise InputError(
                    f"needs two pieces of {frames} frames, there is {count}: one has no spread"
                )
            ours, true = (np.concatenate(side) for side in zip(*pairs, strict=True))
            found[row][pooled] = frechet_distance(ours, true)
            long = [frechet_distance(*pair) for pair in pairs if len(pair[0]) > 1]
            if per_clip is not None and long:
                found[row][per_clip] = float(np.mean(long))
        return found

    return SetMetric(names=f"{pooled}, {per_clip}" if per_clip else pooled, measure=measure)


def _frames(clip: ClipFrames, row: str) -> Iterator[Frame]:
    if row == COPIED:
        first = next(clip.truths())
        yield from (first for _ in range(clip.count))
    else:
        yield from clip.results() if row == RESULT else clip.truths()


def _pieces(frames: Iterable[Frame], length: int, size: int) -> Iterator[Tensor]:
    """Cut a clip into pieces (1, 3, F, S, S) in 0..255."""
    piece: list[Tensor] = []
    for frame in frames:
        picture = torch.from_numpy(frame).permute(2, 0, 1).float().unsqueeze(0)
        piece.append(F.interpolate(picture, (size, size), mode="bilinear", antialias=True)[0])
        if len(piece) == length:
            yield torch.stack(piece, dim=1).unsqueeze(0)
            piece = []
