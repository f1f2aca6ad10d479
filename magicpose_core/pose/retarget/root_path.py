"""Where an aligned person stands in each frame: the reference's place, and the way from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .body_tree import ANKLES, BONES, HIPS, MID_HIP, SHOULDERS, TYPICAL_LENGTH, Mask, Points, node
from .bone_ratio import BoneRatio
from .framing import HEAD, keep_inside
from .neutral import neutral_frame
from .regrow import Hinges, regrow
from .settings import AlignSettings

_LEG = ("thigh", "shin")
_TRAVEL = 0.5  # seconds: the standard deviation of the window that tells travel from sways
_MOST_SHARED = 0.029  # of the picture's height, by which the neck gives way to the nose
_NECK, _NOSE = node("neck"), node("nose")
_ANCHORS = {"neck": [_NECK], "hips": [MID_HIP], "feet": ANKLES}
# What tells where a person is when the anchor is hidden: the nearest to the root first.
_NEAR_THE_ROOT = (MID_HIP, *HIPS, _NECK, *SHOULDERS, _NOSE, *(bone.child for bone in BONES))


@dataclass(frozen=True, kw_only=True)
class Body:
    """A driver's nodes and the reference's, in pixels of the reference's picture.

    Attributes:
        places: (F, 19, 2) of the driver, without gaps.
        seen: (F, 19), which of them were seen.
        target: (19, 2) of the reference.
        shown: (19,), which of those lie in the picture and are seen, or guessed from such.
        beyond: (19,), which the reference has outside its picture.
        fps: Frames per second.
    """

    places: Points
    seen: Mask
    target: NDArray[np.float64]
    shown: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    fps: float

    @property
    def known(self) -> NDArray[np.bool_]:
        """Tell of each node whether any frame shows it."""
        return np.any(self.seen, axis=0)


@dataclass(frozen=True, kw_only=True)
class RootPath:
    """Where the root goes.

    Attributes:
        places: (F, 2) in pixels.
        notes: What was done to keep the head inside, in words.
    """

    places: NDArray[np.float64]
    notes: tuple[str, ...]


def root_path(
    body: Body,
    hinges: Hinges,
    ratios: Mapping[str, BoneRatio],
    settings: AlignSettings,
    size: tuple[int, int],
) -> RootPath:
    """Return the way of the root that puts the anchor where the reference has it.

    Args:
        body: Both people.
        hinges: The driver's body with the reference's bones.
        ratios: Of the bones; steps grow as the legs do.
        settings: Anchor, walk and whether the head is kept inside.
        size: Width and height of the picture in pixels.
    """
    grown = regrow(body.places, hinges)
    frame, anchor = standing_frame(body, settings.anchor_frame), _anchor(body, settings.anchor)
    carried = grown[:, anchor].mean(axis=1)
    walked = body.places[:, anchor].mean(axis=1)
    place = (body.target if body.shown[anchor].all() else body.places[frame])[anchor].mean(axis=0)
    if settings.anchor == "auto" and anchor == [_NECK]:
        place = place + _towards_the_nose(body, grown[frame], size)
    close_up = body.shown.any() and not body.shown[HIPS].any()
    walk = settings.walk if settings.walk is not None else 0.0 if close_up else 1.0
    way = step_factor(ratios) * _way(walked, walk, frame, body.fps)
    head = [joint for joint in HEAD if body.known[joint] and not body.beyond[joint]]
    if not settings.keep_inside:
        return RootPath(places=place + way - carried, notes=())
    framing = keep_inside(place, way, grown[:, head] - carried[:, None], size)
    path = place + framing.share * way + framing.held - carried
    return RootPath(places=path, notes=_notes(framing.share, framing.held))


def step_factor(ratios: Mapping[str, BoneRatio]) -> float:
    """Return the factor of steps: that of the legs that both people show, else of the whole."""
    legs = [ratios[kind] for kind in _LEG if ratios[kind].measured]
    if not legs:
        whole = ratios["whole"].ratio
        return whole if whole > 0 else 1.0
    return float(
        np.average([leg.ratio for leg in legs], weights=[TYPICAL_LENGTH[leg.kind] for leg in legs])
    )


def standing_frame(body: Body, wanted: int | None) -> int:
    """Return the frame in which the anchor stands where the reference has it.

    Args:
        body: Both people.
        wanted: Its number; None takes the frame that looks most like the reference, else the first
            that shows anything.
    """
    if wanted is not None:
        if wanted >= len(body.places):
            raise InputError(
                f"anchor_frame is {wanted} and the clip has {len(body.places)} frames; "
                "choose one of them, counted from 0"
            )
        return wanted
    frame = neutral_frame((body.places, body.seen), (body.target[None], body.shown[None]))
    return int(np.argmax(body.seen.any(axis=1))) if frame is None else frame


def _anchor(body: Body, wanted: str) -> list[int]:
    both = body.known & body.shown
    if wanted != "auto":
        nodes = _ANCHORS[wanted]
        if both[nodes].all():
            return nodes
    elif both[_NECK]:
        return [_NECK]
    shared = next(([index] for index in _NEAR_THE_ROOT if both[index]), None)
    return shared or [next(index for index in _NEAR_THE_ROOT if body.known[index])]


def _towards_the_nose(
    body: Body, grown: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return by how much (2,) the neck is moved so that it shares the nose's error, within bounds.

    A head that is tilted against the reference's would have its face off by all of it.
    """
    if not (body.known[_NOSE] and body.shown[_NOSE]):
        return np.zeros(2)
    missed = (body.target[_NOSE] - body.target[_NECK]) - (grown[_NOSE] - grown[_NECK])
    distance = float(np.linalg.norm(missed))
    most = _MOST_SHARED * size[1]
    return np.asarray(missed * min(0.5, most / distance)) if distance > 0 else np.zeros(2)


def _way(walked: NDArray[np.float64], walk: float, frame: int, fps: float) -> NDArray[np.float64]:
    """Return the way (F, 2) from where ``frame`` is; its slow part multiplied by ``walk``."""
    travel = walked
    if walk < 1:
        travel = _slow(walked, _TRAVEL * fps)
    way = walked - travel + walk * travel
    return np.asarray(way - way[frame])


def _slow(values: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """Smooth (F, 2) places by a Gaussian window; near the ends it is cut, not padded.

    A straight line stays one: where the window is cut, its mean is put back in the middle.
    """
    frames = np.arange(len(values), dtype=np.float64)
    reach = max(1, round(3 * deviation))
    slow = np.empty_like(values)
    for frame in range(len(values)):
        near = slice(max(0, frame - reach), frame + reach + 1)
        distance = frames[near] - frame
        weights = np.exp(-0.5 * (distance / max(deviation, 1e-6)) ** 2)
        mean, middle = (np.average(v[near], axis=0, weights=weights) for v in (values, frames))
        spread = float(np.average((frames[near] - middle) ** 2, weights=weights))
        slope = (
            np.average((frames[near] - middle)[:, None] * values[near], axis=0, weights=weights)
            / spread
            if spread > 0
            else np.zeros(2)
        )
        slow[frame] = mean + slope * (frame - middle)
    return slow


def _notes(share: float, held: NDArray[np.float64]) -> tuple[str, ...]:
    notes = []
    if share < 1:
        notes.append(f"the walk is shortened to {share:.0%}, so that the head stays in the picture")
    moved = np.linalg.norm(held, axis=1)
    if (moved > 0.5).any():
        notes.append(
            f"{int((moved > 0.5).sum())} of {len(held)} frames are moved by up to "
            f"{moved.max():.0f} pixels, so that the head stays in the picture"
        )
    return tuple(notes)
