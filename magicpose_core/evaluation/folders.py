"""Figures of a folder of results against a folder of true frames, paired by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..images import read_image, to_uint8
from ..picture_files import IMAGE_SUFFIXES
from .pixel import DISCO_METRICS, PIXEL_METRICS

_SHOWN = 5  # names that a message lists


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pictures of two folders, matched by their names (without the ending), sub-folders included.

    Attributes:
        pairs: (result, truth) of each name that both have.
        without_truth: Names of results that no true frame has.
        without_result: Names of true frames that no result has.
    """

    pairs: tuple[tuple[Path, Path], ...]
    without_truth: tuple[str, ...]
    without_result: tuple[str, ...]

    def __str__(self) -> str:
        """Count the pairs and list the rest."""
        said = [f"{len(self.pairs)} pairs"]
        for names, what in (
            (self.without_truth, "results without a true frame"),
            (self.without_result, "true frames without a result"),
        ):
            if names:
                shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                said.append(f"{len(names)} {what} ({shown})")
        return "; ".join(said)


def match_folders(results: Path, truth: Path, *, partial: bool = False) -> Pairs:
    """Match the pictures of two folders.

    Args:
        results: Folder of results.
        truth: Folder of true frames.
        partial: Take the pairs that there are; otherwise every name must have its partner.

    Raises:
        InputError: A folder is absent, a name stands for two pictures, no names match, or some
            have no partner and ``partial`` is not set.
    """
    ours, true = _pictures(results), _pictures(truth)
    matched = Pairs(
        pairs=tuple((ours[name], true[name]) for name in sorted(set(ours) & set(true))),
        without_truth=tuple(sorted(set(ours) - set(true))),
        without_result=tuple(sorted(set(true) - set(ours))),
    )
    if not matched.pairs:
        raise InputError(f"no picture in {results} has the name of one in {truth}")
    if not partial and (matched.without_truth or matched.without_result):
        raise InputError(f"not every picture has a partner: {matched}; mend that, or set partial")
    return matched


def evaluate_folders(matched: Pairs) -> dict[str, float]:
    """Measure pairs of pictures.

    Returns:
        Metric -> mean over the pairs: the right values, then those that DisCo's script prints.

    Raises:
        InputError: A pair differs in size.
    """
    rows = [_measure(result, truth) for result, truth in matched.pairs]
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
    pictures: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            name = str(path.relative_to(folder).with_suffix(""))
            if name in pictures:
                raise InputError(f"{pictures[name]} and {path} have one name; remove one of them")
            pictures[name] = path
    return pictures
