"""Figures of a folder of results against a folder of true frames, paired by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..images import read_image, to_uint8
from ..picture_files import IMAGE_SUFFIXES
from .pixel import DISCO_METRICS, PIXEL_METRICS


def evaluate_folders(results: Path, truths: Path) -> dict[str, float]:
    """Measure pictures of the same name against each other, in sub-folders too.

    Returns:
        Metric -> mean over the pairs: the right values, then those that DisCo's script prints.

    Raises:
        InputError: A folder is absent, no names match, or a pair differs in size.
    """
    ours, true = _pictures(results), _pictures(truths)
    names = sorted(set(ours) & set(true))
    if not names:
        raise InputError(f"no picture in {results} has the name of one in {truths}")
    rows = [_measure(ours[name], true[name]) for name in names]
    return {metric: float(np.mean([row[metric] for row in rows])) for metric in rows[0]}


def _measure(result: Path, truth: Path) -> dict[str, float]:
    images = read_image(result), read_image(truth)
    if images[0].shape != images[1].shape:
        raise InputError(
            f"{result} is {images[0].shape[3]} x {images[0].shape[2]} pixels and {truth} is "
            f"{images[1].shape[3]} x {images[1].shape[2]}; bring them to one size first"
        )
    figures = {name: float(metric(*images)) for name, metric in PIXEL_METRICS.items()}
    pixels = to_uint8(images[0])[0], to_uint8(images[1])[0]
    return figures | {name: metric(*pixels) for name, metric in DISCO_METRICS.items()}


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; check the path")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    return {str(path.relative_to(folder).with_suffix("")): path for path in found}
