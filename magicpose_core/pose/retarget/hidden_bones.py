"""Guess the bones that a picture hides or foreshortens from the others, by how bodies vary.

The logarithms of a body's bones, as shares of a typical body's, are taken to spread about the
body's size: those of one limb together, and each on its own. So all bones that are shown tell of a
hidden one, those of its limb most (the best linear prediction of normal variables), and how far off
the guess may be. It is then shortened until hardly a body has a bone that much shorter that it
would grow visibly: a limb that is too long is seen, one that is too short hardly.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .body_tree import LIMBS, TYPICAL_LENGTH
from .bone_ratio import BoneRatio

_LIMB_SPREAD, _BONE_SPREAD = 0.08, 0.05  # standard deviations of bodies of all builds
_MEASURING = 0.03  # the same of what is shown
_NECKS = 0.2  # the same of necks, which differ more, and most in drawn figures
_SURE = 2.1  # standard deviations by which a guess is shortened, but for growth that is not seen
_SEEN_TO_GROW = math.log(1.15)
_MOST = 1.1  # of the whole person's ratio
_TOO_SHORT = 1.9  # standard deviations below the guess: a bone that is shown so is foreshortened
_UNLIKE = 0.5  # share of the spread beyond that of bodies that makes a guess doubtful
_SWINGING = ("thigh", "shin", "upper_arm", "forearm")
_FEWEST = 2  # other bones that tell how short one can be
_LIMB_OF = {kind: number for number, limb in enumerate(LIMBS) for kind in limb}
_Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """The bones that both people show.

    Attributes:
        kinds: Which.
        covariance: Of the logarithms of their lengths.
    """

    kinds: Sequence[str]
    covariance: _Values

    def size(self, logarithms: _Values) -> tuple[float, float]:
        """Return the mean of correlated values and the variance of that mean."""
        weights = np.linalg.solve(self.covariance, np.ones(len(logarithms)))
        return float(weights @ logarithms / weights.sum()), float(1 / weights.sum())

    def excess(self, logarithms: _Values) -> float:
        """Return by how much values spread more than bodies do, as a standard deviation."""
        off = logarithms - self.size(logarithms)[0]
        spread = float(off @ np.linalg.solve(self.covariance, off)) / len(off)
        return math.hypot(_LIMB_SPREAD, _BONE_SPREAD) * math.sqrt(max(0.0, spread - 1))


def lengthen_foreshortened(
    ratios: Mapping[str, BoneRatio], whole: float, *, sure: Collection[str]
) -> dict[str, BoneRatio]:
    """Make limbs longer that the reference shows far shorter than the rest of its body allows.

    Their ratio becomes that of the shortest bone that such a body has, at most the whole person's.

    Args:
        ratios: Of all kinds of bones.
        whole: Ratio of the whole person.
        sure: Kinds of which left and right are equally long: those are so short.
    """
    measured = _measured(ratios)
    longer = dict(ratios)
    for kind in (kind for kind in _SWINGING if kind in measured and kind not in sure):
        others = [other for other in measured if other != kind]
        if len(others) < _FEWEST:
            continue
        bone = ratios[kind]
        shown, lengths = _shown(others), _lengths(ratios, others)
        likely, spread = _predict(kind, shown, lengths, 0.0)
        spread = math.hypot(spread, shown.excess(lengths))
        shortest = TYPICAL_LENGTH[kind] * math.exp(likely - _TOO_SHORT * spread)
        ratio = min(bone.ratio * shortest / bone.reference, whole)
        if ratio > bone.ratio:
            longer[kind] = replace(bone, ratio=ratio, source="foreshortened")
    return longer


def guess_hidden(
    ratios: Mapping[str, BoneRatio], whole: float, scale: float
) -> dict[str, BoneRatio]:
    """Give bones that one of the people hides a ratio by those that both show.

    The shorter of two guesses is taken: what the reference's body has, and what the driver's bone
    becomes where it follows the ratios of the others. Bones that spread more than bodies do are
    foreshortened, so that the first is longer by the excess. Where a limb is hidden wholly, only
    the rest of the body tells of it, and that may disagree: then no guess exceeds the scale by
    which growth is judged by more than a tenth. What the driver never shows, and everything where
    both people show nothing, stays as it is.

    Args:
        ratios: Of all kinds of bones.
        whole: Ratio of the whole person.
        scale: The same by bones alone (see ``bone_length.person_scale``), NaN when unknown.
    """
    kinds = _measured(ratios)
    if not kinds:
        return dict(ratios)
    shown, lengths = _shown(kinds), _lengths(ratios, kinds)
    factors = np.array([math.log(ratios[kind].ratio) for kind in kinds])
    excess = shown.excess(lengths)
    guessed = dict(ratios)
    for kind, bone in ratios.items():
        if bone.measured or bone.source == "unknown" or not bone.driver > 0:
            continue
        length, spread = _predict(kind, shown, lengths, excess)
        of_body = length + math.log(TYPICAL_LENGTH[kind] / bone.driver)
        as_driver, _ = _predict(kind, shown, factors, 0.0)
        doubt = _SURE * math.hypot(spread, _UNLIKE * excess) - _SEEN_TO_GROW
        likely = min(of_body - max(0.0, doubt), as_driver)
        limb = any(_LIMB_OF[kind] == _LIMB_OF[other] for other in kinds)
        guessed[kind] = replace(
            bone,
            ratio=min(math.exp(likely), _MOST * (whole if limb else np.fmin(whole, scale))),
            source="same limb" if limb else "whole person",
        )
    return guessed


def _measured(ratios: Mapping[str, BoneRatio]) -> list[str]:
    return [kind for kind, bone in ratios.items() if bone.measured and bone.reference > 0]


def _lengths(ratios: Mapping[str, BoneRatio], kinds: Sequence[str]) -> _Values:
    """Return logarithms of the reference's bones as shares of a typical body's."""
    return np.array([math.log(ratios[kind].reference / TYPICAL_LENGTH[kind]) for kind in kinds])


def _shown(kinds: Sequence[str]) -> _Shown:
    noise = np.diag([_NECKS if kind == "neck" else _MEASURING for kind in kinds]) ** 2
    return _Shown(kinds=kinds, covariance=_covariance(kinds, kinds) + noise)


def _predict(kind: str, shown: _Shown, values: _Values, more: float) -> tuple[float, float]:
    """Return the likely logarithm of a hidden bone and its standard deviation."""
    size, variance = shown.size(values)
    size += more
    common = _covariance([kind], shown.kinds)[0]
    weights = np.linalg.solve(shown.covariance, common)
    own = _LIMB_SPREAD**2 + _BONE_SPREAD**2 - float(weights @ common)
    spread = math.sqrt(own + (1 - float(weights.sum())) ** 2 * variance)
    return size + float(weights @ (values - size)), spread


def _covariance(one: Sequence[str], other: Sequence[str]) -> _Values:
    limb = np.array([[_LIMB_OF[a] == _LIMB_OF[b] for b in other] for a in one])
    same = np.array([[a == b for b in other] for a in one])
    return np.asarray(_LIMB_SPREAD**2 * limb + _BONE_SPREAD**2 * same)
