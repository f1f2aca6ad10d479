"""How well a real driver sits on a real reference, where nobody knows the true poses.

What can be told without them: whether neck, nose and shoulders lie where the picture has them in
the frame that looks most like it, whether limbs grow beyond both people's, whether the head stays
in the picture, and whether alignment adds jitter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..pose.keypoints import PersonPose, PoseSequence
from ..pose.retarget.body_tree import (
    BONES,
    SHOULDERS,
    TYPICAL_LENGTH,
    Mask,
    Points,
    node,
    with_mid_hip,
)
from ..pose.retarget.neutral import neutral_frame
from ..pose.tracks import tracks_of

SEEN = 0.3
_HEAD = [
    node("nose"),
    *(node(f"{side}_{part}") for side in ("left", "right") for part in ("eye", "ear")),
]
_NEARLY_LONGEST = 0.9  # quantile over the frames: the longest frame is the noisiest one


@dataclass(frozen=True, kw_only=True)
class RealFit:
    """How one pair fits; distances in percent of the picture's height, NaN where unseen.

    Attributes:
        neutral: Number of the neutral frame.
        neck: Distance of the neck from the reference's in the neutral frame.
        nose: Of the nose.
        shoulders: Mean distance of the shoulders.
        first: Distance of the neck in the first frame.
        growth: By how many percent the longest bone exceeds the reference's and the driver's at the
            scale of the whole person, whichever is longer.
        grown: The kind of that bone.
        inside: Share of the frames whose head lies in the picture.
        jitter: Second differences of the body's points, as a multiple of the driver's own at the
            scale of the whole person.
    """

    neutral: int
    neck: float
    nose: float
    shoulders: float
    first: float
    growth: float
    grown: str
    inside: float
    jitter: float


def body_nodes(clip: PoseSequence, size: tuple[int, int]) -> tuple[Points, Mask]:
    """Return the (F, 19, 2) nodes of a one-person clip fitted into a picture, and their mask."""
    body = tracks_of(clip, size)["body"]
    return with_mid_hip(body.places, body.seen(SEEN))


def measure(
    driver: PoseSequence,
    reference: PersonPose,
    size: tuple[int, int],
    aligned: PoseSequence,
) -> RealFit:
    """Measure an aligned clip.

    Args:
        driver: One person per frame.
        reference: The person in the picture.
        size: Width and height of the picture in pixels.
        aligned: What alignment made of the driver, in that size.
    """
    still = PoseSequence(frames=((reference,),), width=size[0], height=size[1])
    own, ref, new = (body_nodes(clip, size) for clip in (driver, still, aligned))
    frame = neutral_frame(own, ref) or 0
    first = int(np.argmax(new[1][:, node("neck")]))
    scale = person_scale(own, ref)
    growth, grown = _growth(own, ref, new, scale)
    return RealFit(
        neutral=frame,
        neck=_distance(new, ref, frame, [node("neck")], size),
        nose=_distance(new, ref, frame, [node("nose")], size),
        shoulders=_distance(new, ref, frame, SHOULDERS, size),
        first=_distance(new, ref, first, [node("neck")], size),
        growth=growth,
        grown=grown,
        inside=head_inside(new, size),
        jitter=_jitter(*new) / max(scale * _jitter(*own), 1e-9),
    )


def head_inside(body: tuple[Points, Mask], size: tuple[int, int]) -> float:
    """Return the share of the frames that show a head whose head lies in the picture."""
    places, seen = body[0][:, _HEAD], body[1][:, _HEAD]
    within = np.all((places >= 0) & (places <= size), axis=-1) | ~seen
    shown = seen.any(axis=1)
    return float(within[shown].all(axis=1).mean()) if shown.any() else float("nan")


def person_scale(driver: tuple[Points, Mask], reference: tuple[Points, Mask]) -> float:
    """Return the size of the reference in sizes of the driver: the weighted median of the bones."""
    ratios, weights = [], []
    for bone in BONES:
        own, ref = (_longest(person, bone.parent, bone.child) for person in (driver, reference))
        if own > 0 and ref > 0:
            ratios.append(ref / own)
            weights.append(TYPICAL_LENGTH[bone.kind])
    if not ratios:
        return 1.0
    order = np.argsort(ratios)
    shares = np.cumsum(np.array(weights)[order]) / sum(weights)
    return float(np.array(ratios)[order][np.searchsorted(shares, 0.5)])


def _longest(person: tuple[Points, Mask], start: int, end: int) -> float:
    places, seen = person
    shown = seen[:, start] & seen[:, end]
    if not shown.any():
        return float("nan")
    lengths = np.linalg.norm(places[shown, start] - places[shown, end], axis=-1)
    return float(np.quantile(lengths, _NEARLY_LONGEST))


def _growth(
    driver: tuple[Points, Mask],
    reference: tuple[Points, Mask],
    aligned: tuple[Points, Mask],
    scale: float,
) -> tuple[float, str]:
    worst, grown = -100.0, ""
    for kind in dict.fromkeys(bone.kind for bone in BONES if bone.kind != "head"):
        bones = [(bone.parent, bone.child) for bone in BONES if bone.kind == kind]
        own, ref, new = (
            np.array([_longest(person, *bone) for bone in bones])
            for person in (driver, reference, aligned)
        )
        allowed = np.concatenate([ref, scale * own])
        if np.isnan(allowed).all() or np.isnan(new).all():
            continue
        growth = 100 * float(np.nanmax(new) / np.nanmax(allowed) - 1)
        if growth > worst:
            worst, grown = growth, kind
    return worst, grown


def _distance(
    aligned: tuple[Points, Mask],
    reference: tuple[Points, Mask],
    frame: int,
    joints: list[int],
    size: tuple[int, int],
) -> float:
    (places, seen), (target, shown) = aligned, reference
    if not (seen[frame, joints].all() and shown[0, joints].all()):
        return float("nan")
    distances = np.linalg.norm(places[frame, joints] - target[0, joints], axis=-1)
    return float(100 * distances.mean() / size[1])


def _jitter(places: Points, seen: Mask) -> float:
    """Return the root mean square second difference in pixels of the points seen thrice."""
    if len(places) < 3:
        return 0.0
    seen3: NDArray[np.bool_] = seen[2:] & seen[1:-1] & seen[:-2]
    bends = np.diff(places, 2, axis=0)[seen3]
    return float(np.sqrt((bends**2).sum(axis=-1).mean())) if len(bends) else 0.0
