"""People's videos in the authors' layout: a folder of frames a subject, a like-named one of maps.

``<root>/<set>/<subject>/<frame>.jpg|png`` beside ``<root>/pose_map_<set>/<subject>/<frame>.*``.
Frames and maps are paired by name, so one missing map costs one frame and shifts none. Any kind of
pose map will do (OpenPose, DWPose, DensePose).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..images import fit_size, read_image, to_uint8
from ..picture_files import IMAGE_SUFFIXES
from .frames import PosedFrame

POSE_PREFIX = "pose_map_"
_SMALLEST_CROP = 0.9
_ROUNDED_SIZES = 0.05  # how far shapes may differ: maps are often of sides rounded to 64 pixels
_SHOWN_NAMES = 3

_log = logging.getLogger("magicpose")


@dataclass(frozen=True, kw_only=True)
class TikTokSubject:
    """One folder of frames; satisfies ``data.frames.Subject``.

    Attributes:
        name: The folder's name.
        pairs: Frame and pose map, of the same stem, sorted.
        size: Side of the crops in pixels.
        near_uniform: See :func:`is_near_uniform`.
        crop: Seed of the random crops (0.9 to 1 of the centre square); None takes all of it.
        steady: Whether all frames have one crop, as clips must.
    """

    name: str
    pairs: tuple[tuple[Path, Path], ...]
    size: int
    near_uniform: float
    crop: tuple[int, ...] | None
    steady: bool = False

    @property
    def signature(self) -> str:
        """Name, size and age of every file, and how it is cropped."""
        files = [path for pair in self.pairs for path in pair]
        stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        crop = f"{self.crop} steady" if self.steady else f"{self.crop}"
        return f"{self.name} {self.size} {self.near_uniform} {crop} {stats}"

    def frames(self) -> Iterator[PosedFrame]:
        """Read the frames; those that nothing can be learned from are reported and left out."""
        left_out: list[str] = []
        told = 0  # of those, before the frame at hand
        for number, (picture_path, map_path) in enumerate(self.pairs):
            try:
                picture, pose_map = read_image(picture_path), read_image(map_path)
            except InputError as error:
                left_out.append(str(error))
                continue
            reason = self._reason(picture, pose_map)
            if reason is not None:
                left_out.append(f"{picture_path.name} {reason}")
                continue
            picture, pose_map = self._crop(picture, pose_map, number)
            yield PosedFrame(
                name=picture_path.stem,
                picture=to_uint8(picture)[0],
                pose_map=to_uint8(pose_map)[0],
                follows=len(left_out) == told,
            )
            told = len(left_out)
        _report(f"subject {self.name}", "frame(s) left out", left_out)

    def _reason(self, picture: Tensor, pose_map: Tensor) -> str | None:
        """Say why a frame is left out; None for a good one."""
        if is_near_uniform(to_uint8(picture)[0], self.near_uniform):
            return "is nearly of one colour"
        if not pose_map.any():
            return "has a black pose map"
        (height, width), (map_height, map_width) = picture.shape[-2:], pose_map.shape[-2:]
        if abs(width * map_height / (height * map_width) - 1) > _ROUNDED_SIZES:
            return (
                f"is {width} x {height} and its pose map, {map_width} x {map_height}, of another "
                "shape"
            )
        return None

    def _crop(self, picture: Tensor, pose_map: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Cut the same square out of a frame and its map, which may have another size."""
        if self.crop is None:
            share, left, top = 1.0, 0.5, 0.5
        else:
            rng = np.random.default_rng(self.crop if self.steady else (*self.crop, number))
            share, left, top = rng.uniform(_SMALLEST_CROP, 1), rng.random(), rng.random()

        def cut(image: Tensor) -> Tensor:
            centre = cut_square(image, 1.0, 0.5, 0.5)
            return fit_size(cut_square(centre, share, left, top), self.size, self.size)

        return cut(picture), cut(pose_map)


def cut_square(image: Tensor, share: float, left: float, top: float) -> Tensor:
    """Cut a square out of (1, 3, H, W).

    Args:
        image: The picture.
        share: Side of the square, as a share of the shorter side.
        left: Where it lies between the left edge (0) and the right edge (1).
        top: Likewise between top and bottom.
    """
    height, width = image.shape[-2:]
    side = max(1, round(share * min(height, width)))
    x, y = round(left * (width - side)), round(top * (height - side))
    return image[..., y : y + side, x : x + side]


def is_near_uniform(picture: NDArray[np.uint8], near_uniform: float) -> bool:
    """Tell whether a picture shows almost nothing.

    Args:
        picture: (H, W, 3) uint8.
        near_uniform: Largest share of the pixels that the most frequent of 256 grey levels may
            cover.
    """
    levels = np.bincount(picture.mean(axis=2).astype(np.uint8).reshape(-1), minlength=256)
    return bool(levels.max() > near_uniform * levels.sum())


def tiktok_subjects(
    root: Path,
    name: str,
    *,
    size: int,
    near_uniform: float,
    seed: int | None,
    steady: bool = False,
) -> list[TikTokSubject]:
    """List the subjects of a set.

    Args:
        root: The data set's folder.
        name: The set: ``train_set``, ``val_set``, ``disco_test_set`` or the like.
        size: Side of the crops in pixels.
        near_uniform: See :func:`is_near_uniform`.
        seed: Of the random crops; None cuts the centre.
        steady: Give all frames of a subject one crop.

    Raises:
        InputError: The folders are absent, or hold no pair at all.
    """
    frames, maps = root / name, root / f"{POSE_PREFIX}{name}"
    for folder in (frames, maps):
        if not folder.is_dir():
            raise InputError(
                f"no folder {folder}; expected <root>/{name}/<subject>/<frame>.jpg and "
                f"<root>/{POSE_PREFIX}{name}/<subject>/<frame>.jpg"
            )
    subjects = []
    # what begins with a dot is being written, or was left by a killed run
    folders = [path for path in frames.iterdir() if path.is_dir() and path.name[0] != "."]
    for number, folder in enumerate(sorted(folders)):
        pairs = pair_by_name(folder, maps / folder.name)
        if pairs:
            crop = None if seed is None else (seed, number)
            subjects.append(
                TikTokSubject(
                    name=folder.name,
                    pairs=pairs,
                    size=size,
                    near_uniform=near_uniform,
                    crop=crop,
                    steady=steady,
                )
            )
    if not subjects:
        raise InputError(f"no frame in {frames} has a pose map of the same name in {maps}")
    return subjects


def pair_by_name(frames: Path, maps: Path) -> tuple[tuple[Path, Path], ...]:
    """Pair the pictures of two folders by their stems; those without a partner are reported."""
    pictures, pose_maps = _pictures(frames), _pictures(maps)
    alone = [path.name for stem, path in pictures.items() if stem not in pose_maps]
    _report(f"{frames}", "frame(s) without a pose map left out", alone)
    strangers = [path.name for stem, path in pose_maps.items() if stem not in pictures]
    _report(f"{maps}", "pose map(s) without a frame left out", strangers)
    return tuple((path, pose_maps[stem]) for stem, path in pictures.items() if stem in pose_maps)


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]
    chosen = {path.stem: path for path in found}
    twice = [path.name for path in found if chosen[path.stem] != path]
    _report(f"{folder}", "picture(s) left out, of the name of another", twice)
    return chosen


def _report(where: str, what: str, names: list[str]) -> None:
    if names:
        more = ", ..." if len(names) > _SHOWN_NAMES else ""
        _log.warning(
            "%s: %d %s (%s%s)", where, len(names), what, "; ".join(names[:_SHOWN_NAMES]), more
        )
