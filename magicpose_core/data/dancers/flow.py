"""The exact optical flow of dancers: where each pixel's surface point lies in another frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .clips import DancerClip, Scene
from .render import SHADOW, paint_dancer
from .surfaces import PLACE, Key, Shape, SurfaceCanvas, motion_between

_MIXED = -1
_PIXEL = 0.25  # a pixel's centre, in pixels from its index, in the coordinates shapes are drawn in


@dataclass(frozen=True, kw_only=True)
class ExactFlow:
    """Flow from one frame to another.

    Attributes:
        flow: (H, W, 2) float32, pixels to the right and down from each pixel of the first frame to
            its surface point in the second.
        valid: (H, W) bool: the pixel shows one surface only, and so do the (up to) four pixels
            around its point in the second frame, the same one.
        person: (H, W) bool: the first frame shows the dancer there, not the place or a shadow.
    """

    flow: NDArray[np.float32]
    valid: NDArray[np.bool_]
    person: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class _Surfaces:
    """Numbers (S, S) of the surfaces that pixels show, -1 where several; key and shape of each."""

    numbers: NDArray[np.int32]
    keys: tuple[Key, ...]
    shapes: dict[Key, Shape]


def exact_flow(first: Scene, second: Scene, size: int) -> ExactFlow:
    """Compute the flow between two frames of one dancer.

    Limbs, head and features move as the rig moves them, printed cloth as its print does, a surface
    of one colour with its outline (the best stretch, shear, turn and shift of it), the place only
    as the camera moves.

    Args:
        first: The frame whose pixels are followed.
        second: The frame that they are followed to, of the same dancer.
        size: Side of the pictures in pixels.
    """
    before, after = _surfaces(first, size), _surfaces(second, size)
    y, x = np.mgrid[:size, :size]
    pixels = x + 1j * y
    world = first.view.to_world((pixels + _PIXEL * (1 + 1j)) / size)
    moved = world.copy()
    target = np.where(before.numbers == PLACE, PLACE, _MIXED).astype(np.int32)
    numbers_after = {key: number for number, key in enumerate(after.keys, start=1)}
    for number, key in enumerate(before.keys, start=1):
        seen = before.numbers == number
        if key not in numbers_after or not seen.any():
            continue
        motion = motion_between(before.shapes[key], after.shapes[key])
        if motion is not None:
            moved[seen] = motion(world[seen])
            target[seen] = numbers_after[key]
    places = second.view.to_picture(moved) * size - _PIXEL * (1 + 1j)
    way = places - pixels
    shadows = [n for n, key in enumerate(before.keys, start=1) if key[0] == SHADOW]
    return ExactFlow(
        flow=np.stack([way.real, way.imag], axis=-1).astype(np.float32),
        valid=(target != _MIXED) & _shows_around(after.numbers, places, target),
        person=~np.isin(before.numbers, [_MIXED, PLACE, *shadows]),
    )


def clip_flows(clip: DancerClip, size: int) -> list[ExactFlow]:
    """Compute the flow from each frame of a clip to the next: one less than there are frames."""
    scenes = clip.scenes()
    return [exact_flow(first, second, size) for first, second in pairwise(scenes)]


def _surfaces(scene: Scene, size: int) -> _Surfaces:
    canvas = SurfaceCanvas(2 * size, scene.view)
    paint_dancer(canvas, scene.dancer, scene.posture)
    quarters = canvas.pixels.reshape(size, 2, size, 2)
    low, high = quarters.min(axis=(1, 3)), quarters.max(axis=(1, 3))
    return _Surfaces(
        numbers=np.where(low == high, low, _MIXED),
        keys=tuple(canvas.shapes),
        shapes=canvas.shapes,
    )


def _shows_around(
    numbers: NDArray[np.int32], places: NDArray[np.complex128], wanted: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Tell where all pixels that a bilinear sample at a place takes have the wanted number."""
    last = len(numbers) - 1
    inside = (places.real >= 0) & (places.real <= last)
    inside &= (places.imag >= 0) & (places.imag <= last)
    left = np.floor(places.real.clip(0, last)).astype(int)
    top = np.floor(places.imag.clip(0, last)).astype(int)
    right = np.ceil(places.real.clip(0, last)).astype(int)
    bottom = np.ceil(places.imag.clip(0, last)).astype(int)
    around = [(row, column) for row in (top, bottom) for column in (left, right)]
    for row, column in around:
        inside &= numbers[row, column] == wanted
    return inside
