"""How much longer the reference person's bones are than the driver's, each kind on its own.

A picture shows a bone at its true length or foreshortened, never longer. So a bone of the driver
is as long as it is in nearly its longest frame, the two sides of a body lend each other their
lengths, and no bone is believed to differ wildly from the whole person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .body_tree import (
    BONES,
    HIPS,
    SHOULDERS,
    TYPICAL_LENGTH,
    Mask,
    Points,
    guess_trunk,
    node,
)
from .bone_length import bone_length, person_scale
from .bone_ratio import BoneRatio, bounded_ratio
from .hidden_bones import guess_hidden, lengthen_foreshortened
from .neutral import alike_frames

Pair = tuple[int, int]
Seen = tuple[Points, Mask]

_WIDTHS = ("shoulders", "hips")
_NARROW = 0.6  # of the typical width for the person's size
_BOWED = 0.87  # of the longest neck: more is foreshortening that other frames do not share
HEADS_DIFFER = 2.0  # heads and necks of children and drawn figures differ more than limbs do
_NECK = (node("neck"), node("nose"))
_SIDES_AGREE = 0.95  # a side shorter than this share of the other is foreshortened


def bone_lengths(points: Points, seen: Mask) -> dict[str, float]:
    """Measure each kind of bone of a body over the frames in which both its ends were seen.

    Where no frame shows both ends, points of the trunk are guessed from the others.

    Args:
        points: (F, 19, 2) places in pixels.
        seen: (F, 19).

    Returns:
        Length in pixels of each kind but the head; NaN where no frame shows it.
    """
    measured = _lengths(points, seen)
    guessed = _lengths(*guess_trunk(points, seen))
    return {kind: measured[kind] if measured[kind] > 0 else guessed[kind] for kind in measured}


def _lengths(points: Points, seen: Mask) -> dict[str, float]:
    return {kind: _join_sides(lengths) for kind, lengths in _sides(points, seen).items()}


def _alike(points: Points, seen: Mask) -> list[str]:
    """Return the kinds of which both sides are shown, equally long."""
    sides = _sides(points, seen).items()
    return [kind for kind, pair in sides if len(pair) > 1 and _agree(pair)]


def _sides(points: Points, seen: Mask) -> dict[str, list[float]]:
    """Return the lengths of each kind on the right and on the left, NaN where not shown."""
    sides: dict[str, list[float]] = {kind: [] for kind in TYPICAL_LENGTH if kind != "head"}
    for bone in BONES:
        if bone.kind in sides:
            sides[bone.kind].append(bone_length(points, seen, (bone.parent, bone.child)))
    return sides


def _agree(lengths: Sequence[float]) -> bool:
    return min(lengths) >= _SIDES_AGREE * max(lengths) and not np.isnan(lengths).any()


def whole_person_ratio(driver: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Return the ratio of the sizes of two people, NaN when neither can be compared.

    Longer bones count more. Where no kind of bone is seen in both people, each one's size is
    guessed from its own bones and the typical body.
    """
    kinds = [kind for kind in driver if driver[kind] > 0 and reference[kind] > 0]
    if kinds:
        ratios = [reference[kind] / driver[kind] for kind in kinds]
        return _weighted_median(ratios, [TYPICAL_LENGTH[kind] for kind in kinds])
    return body_size(reference) / body_size(driver)


def body_size(lengths: Mapping[str, float]) -> float:
    """Return the height in pixels that a typical body with these bones has, NaN without any."""
    kinds = [kind for kind, length in lengths.items() if length > 0]
    if not kinds:
        return float("nan")
    sizes = [lengths[kind] / TYPICAL_LENGTH[kind] for kind in kinds]
    return _weighted_median(sizes, [TYPICAL_LENGTH[kind] for kind in kinds])


def body_ratios(
    driver: Seen, reference: Seen, limit: float, *, guessed: Mask | None = None
) -> dict[str, BoneRatio]:
    """Return the ratio of each kind of bone but the head, and of the ``whole`` person.

    Args:
        driver: (F, 19, 2) places in pixels and their (F, 19) mask.
        reference: The same of the reference, one frame.
        limit: A bone's ratio lies within ``whole / limit .. whole * limit``.
        guessed: (F, 19), further points of the driver, such as those outside its frames: they are
            drawn and tell a bone's length where nothing better does, but not the person's size.
    """
    own, ref = bone_lengths(*driver), bone_lengths(*reference)
    if np.isnan(own["torso"] + ref["torso"]):
        own["torso"], ref["torso"] = _flanks(driver, reference)
    alike = alike_frames(driver, reference)
    if len(alike):
        likely = bone_length(driver[0][alike], driver[1][alike], _NECK, quantile=0.5)
        own["neck"] = max(likely, _BOWED * own["neck"])
    if _turned(own) or _turned(ref):
        own |= dict.fromkeys(_WIDTHS, np.nan)
    whole = whole_person_ratio(own, ref)
    if np.isnan(whole):
        whole = _spread_ratio(driver, reference)
    fixed = (*_WIDTHS, "neck") if len(alike) else _WIDTHS
    drawn = own if guessed is None else bone_lengths(driver[0], driver[1] | guessed)
    own = {kind: own[kind] if kind in fixed else np.fmax(own[kind], drawn[kind]) for kind in own}
    limits = {**dict.fromkeys(own, limit), "neck": HEADS_DIFFER * limit if len(alike) else limit}
    ratios = {kind: bounded_ratio(kind, own[kind], ref[kind], whole, limits[kind]) for kind in own}
    longer = lengthen_foreshortened(ratios, whole, sure=_alike(*reference))
    return {
        "whole": bounded_ratio("whole", np.nan, np.nan, whole, limit),
        **guess_hidden(longer, whole, person_scale(driver, reference)),
    }


def distance_ratio(
    kind: str,
    pairs: Sequence[Pair],
    driver: Sequence[Seen],
    reference: Sequence[Seen],
    *,
    whole: float,
    limit: float,
) -> BoneRatio:
    """Return the ratio of a part that keeps its shape by distances between its points.

    Args:
        kind: Its name in the report.
        pairs: Points whose distances are compared where both people show them.
        driver: For each side that has the part (F, K, 2) places in pixels and their (F, K) mask.
        reference: The same of the reference, one frame.
        whole: Ratio of the whole person, used where nothing can be compared.
        limit: As in ``body_ratios``.
    """
    measured = [
        [_join_sides([bone_length(*side, pair) for side in sides]) for sides in (driver, reference)]
        for pair in pairs
    ]
    both = [(own, ref) for own, ref in measured if own > 0 and ref > 0]
    if not both:
        return bounded_ratio(kind, np.nan, np.nan, whole, limit)
    ratio = _weighted_median([ref / own for own, ref in both], [own for own, _ in both])
    size = float(np.mean([own for own, _ in both]))
    return bounded_ratio(kind, size, ratio * size, whole, limit)


def _turned(lengths: Mapping[str, float]) -> bool:
    """Tell whether a person is only seen from the side: the trunk is too narrow for the rest."""
    size = body_size({kind: length for kind, length in lengths.items() if kind not in _WIDTHS})
    return bool(lengths["shoulders"] < _NARROW * TYPICAL_LENGTH["shoulders"] * size)


def _join_sides(lengths: Sequence[float]) -> float:
    known = [length for length in lengths if length > 0]
    if not known:
        return float("nan")
    return float(np.mean(known)) if _agree(known) else max(known)


def _flanks(driver: Seen, reference: Seen) -> tuple[float, float]:
    """Measure torsos whose middle is hidden from shoulder to hip, down the side or across."""
    for hips in (HIPS, HIPS[::-1]):
        pairs = list(zip(SHOULDERS, hips, strict=True))
        own, ref = (
            _join_sides([bone_length(*person, pair) for pair in pairs])
            for person in (driver, reference)
        )
        if own > 0 and ref > 0:
            return own, ref
    return float("nan"), float("nan")


def _spread_ratio(driver: Seen, reference: Seen) -> float:
    """Compare people of whom no whole bone is seen by how far the shared points lie apart."""
    places, seen = reference[0][0], reference[1][0]
    shared = seen & driver[1].any(axis=0)
    frames = driver[1][:, shared].all(axis=1)
    if shared.sum() <= 1 or not frames.any():
        return float("nan")
    own = np.median(driver[0][frames][:, shared].std(axis=1).sum(axis=-1))
    return float(places[shared].std(axis=0).sum() / own) if own > 0 else float("nan")


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    order = np.argsort(values)
    shares = np.asarray(weights)[order] / np.sum(weights)
    return float(np.interp(0.5, np.cumsum(shares) - shares / 2, np.asarray(values)[order]))
