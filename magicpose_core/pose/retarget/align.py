"""Give the driver's poses the reference person's bones, so that the pose maps fit the picture.

Every bone keeps its direction and gets the reference's length; hands, feet and face keep their
shape and get the reference's size, so that fingers and expression survive. All factors hold for the
whole clip: alignment adds no jitter.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..keypoints import PersonPose, PoseSequence
from ..skeletons import BODY, FACE, FEET, HAND, PARTS
from ..tracks import PartTrack, fill_gaps, sequence_of, tracks_of
from .body_tree import (
    ANKLES,
    BONES,
    HIPS,
    SHOULDERS,
    TYPICAL_LENGTH,
    Mask,
    Points,
    guess_trunk,
    node,
    with_mid_hip,
)
from .framing import keep_inside
from .part_ratios import part_ratios
from .proportions import BoneRatio, body_ratios
from .regrow import Hinges, find_hinges, regrow

Anchor = Literal["hips", "feet"]
ANCHORS: tuple[Anchor, ...] = ("hips", "feet")

_LOG = logging.getLogger("magicpose")
_LEG = ("thigh", "shin")
_NOSE = node("nose")
_WRIST = {"left_hand": node("left_wrist"), "right_hand": node("right_wrist")}
_STAND_INS = (  # a point of another part that lies on a node of the body
    (_NOSE, "face", FACE.index("nose_bridge_3")),
    *((wrist, hand, HAND.index("wrist")) for hand, wrist in _WRIST.items()),
)
# What tells where the root is when the reference hides it: the nearest first.
_NEAR_THE_ROOT = (*HIPS, node("neck"), *SHOULDERS, _NOSE, *(bone.child for bone in BONES))


@dataclass(frozen=True, kw_only=True)
class AlignSettings:
    """How poses are aligned.

    Attributes:
        strength: 0 leaves the driver (fitted into the picture), 1 gives it the reference's bones.
        anchor: What stands in the first frame where it stands in the reference.
        score_threshold: Points with a lower score (0..1) are moved along but neither measured nor
            leant on.
        limit: A bone's ratio lies within this factor of the whole person's.
        keep_inside: Shift the clip, and shorten its walk, where joints that the reference shows
            inside the picture would leave it.
    """

    strength: float = 1.0
    anchor: Anchor = "hips"
    score_threshold: float = 0.3
    limit: float = 2.0
    keep_inside: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise InputError(f"alignment strength must lie in 0..1, got {self.strength}")
        if self.anchor not in ANCHORS:
            raise InputError(f"alignment anchors are {ANCHORS}, got {self.anchor!r}")
        if not 0 <= self.score_threshold <= 1 or not self.limit >= 1:
            raise InputError(
                "alignment needs score_threshold in 0..1 and a limit of 1 or more, got "
                f"{self.score_threshold} and {self.limit}"
            )


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """An aligned clip and the factors that made it.

    Attributes:
        sequence: The aligned poses, in the size of the reference's picture.
        ratios: The factor of each kind of bone and part at full strength.
    """

    sequence: PoseSequence
    ratios: tuple[BoneRatio, ...]

    def report(self) -> str:
        """Return the factors as a table; lengths are in pixels of the reference's picture."""
        rows = [f"{'bones':<12}{'driver':>9}{'reference':>11}{'ratio':>8}  source"]
        rows += [
            f"{r.kind:<12}{r.driver:>9.1f}{r.reference:>11.1f}{r.ratio:>8.3f}  {r.source}"
            for r in self.ratios
        ]
        return "\n".join(rows)


def align(
    sequence: PoseSequence,
    reference: PersonPose,
    size: tuple[int, int],
    settings: AlignSettings | None = None,
) -> Alignment:
    """Align the person of a clip to the person of a picture.

    Args:
        sequence: The driver, one person a frame at most (see ``people``).
        reference: The person in the picture; what is hidden there takes its size from the other
            side or from the whole person.
        size: Width and height of the reference's picture in pixels; the result has this size.
        settings: Defaults when None.

    Raises:
        InputError: A frame has several people, or no frame shows one whose points count.
    """
    settings = settings or AlignSettings()
    driver = tracks_of(sequence, size)
    target = tracks_of(PoseSequence(frames=((reference,),), width=size[0], height=size[1]), size)
    own, own_seen = _nodes(driver, settings.score_threshold)
    ref, ref_seen = _nodes(target, settings.score_threshold)
    if not own_seen.any():
        raise InputError(
            f"no frame shows a body point with a score of {settings.score_threshold} or more, so "
            "there is nothing to align; check the detector or lower score_threshold"
        )
    ratios = body_ratios((own, own_seen), (ref, ref_seen), settings.limit)
    whole = ratios["whole"].ratio
    if ratios["whole"].source == "unknown":
        _LOG.warning("the reference and the driver share no bone: the driver's size is kept")
        whole = float("nan")
    ratios |= part_ratios(
        driver, target, whole=whole, score_threshold=settings.score_threshold, limit=settings.limit
    )
    body = _Body(fill_gaps(own, own_seen), np.any(own_seen, axis=0))
    stands, stands_seen = guess_trunk(ref, ref_seen)
    path = _root_path(body, (stands[0], stands_seen[0]), _factors(ratios, 1.0), settings, size)
    moved = _move(driver, body, path, _factors(ratios, settings.strength), settings.strength)
    return Alignment(sequence=sequence_of(moved, size, sequence.fps), ratios=tuple(ratios.values()))


@dataclass(frozen=True)
class _Body:
    """The 19 nodes (F, 19, 2) without gaps, and which of them any frame shows."""

    places: Points
    known: NDArray[np.bool_]


def _nodes(tracks: Mapping[str, PartTrack], score_threshold: float) -> tuple[Points, Mask]:
    """Return the nodes of a body; hand and face points stand in for unseen wrists and nose."""
    places, seen = tracks["body"].places.copy(), tracks["body"].seen(score_threshold)
    for index, part, point in _STAND_INS:
        there = tracks[part].seen(score_threshold)[:, point] & ~seen[:, index]
        places[there, index] = tracks[part].places[there, point]
        seen[there, index] = True
    return with_mid_hip(places, seen)


def _factors(ratios: Mapping[str, BoneRatio], strength: float) -> dict[str, float]:
    return {kind: ratio.ratio**strength for kind, ratio in ratios.items()}


def _root_path(
    body: _Body,
    reference: tuple[NDArray[np.float64], NDArray[np.bool_]],
    factors: Mapping[str, float],
    settings: AlignSettings,
    size: tuple[int, int],
) -> NDArray[np.float64]:
    """Return where the root goes (F, 2): from the reference's place, as far as its legs carry."""
    hinges = find_hinges(body.known, factors)
    grown = regrow(body.places, hinges)
    standing = settings.anchor == "feet" and body.known[ANKLES].all()
    anchor = ANKLES if standing else [hinges.root]
    carried = grown[:, anchor].mean(axis=1)
    walked = body.places[:, anchor].mean(axis=1)
    start = carried[0] + _start(body, grown[0], reference, anchor)
    path = start + _walk(factors) * (walked - walked[0]) - carried
    places, seen = reference
    inside = np.all((places >= 0) & (places <= size), axis=1)
    shown = np.flatnonzero(seen & inside & body.known)
    return keep_inside(path, grown[:, shown], size) if settings.keep_inside else path


def _start(
    body: _Body,
    grown: NDArray[np.float64],
    reference: tuple[NDArray[np.float64], NDArray[np.bool_]],
    anchor: list[int],
) -> NDArray[np.float64]:
    """Return the first place (2,) of the root by the first nodes that both people show."""
    places, seen = reference
    for nodes in (anchor, *([index] for index in _NEAR_THE_ROOT)):
        if seen[nodes].all() and body.known[nodes].all():
            start: NDArray[np.float64] = places[nodes].mean(axis=0) - grown[nodes].mean(axis=0)
            return start
    return np.asarray(body.places[0, anchor].mean(axis=0) - grown[anchor].mean(axis=0))


def _walk(factors: Mapping[str, float]) -> float:
    """Return the factor of steps: that of the legs."""
    weights = [TYPICAL_LENGTH[kind] for kind in _LEG]
    return float(np.average([factors[kind] for kind in _LEG], weights=weights))


def _move(
    driver: Mapping[str, PartTrack],
    body: _Body,
    path: NDArray[np.float64],
    factors: Mapping[str, float],
    strength: float,
) -> dict[str, PartTrack]:
    """Move every part: each point keeps its way from the node it hangs on, multiplied."""
    hinges = find_hinges(body.known, factors)
    own = body.places[:, hinges.root]
    grown = regrow(body.places, hinges) + (own + strength * (path - own))[:, None]
    moved = {}
    for part, track in driver.items():
        nodes, multipliers = _hanging(part, body.known, hinges, factors)
        ways = multipliers[:, None] * (track.places - body.places[:, nodes])
        moved[part] = replace(track, places=grown[:, nodes] + ways)
    return moved


def _hanging(
    part: str, known: NDArray[np.bool_], hinges: Hinges, factors: Mapping[str, float]
) -> tuple[list[int], NDArray[np.float64]]:
    """Return for each point of a part the node that it hangs on and the factor of its way."""
    if part == "body":
        return list(hinges.parent[: len(BODY)]), hinges.factor[: len(BODY)]
    if part == "feet":
        joints = [node(f"{joint.split('_')[0]}_ankle") for joint in FEET.joints]
    else:
        joints = [_WRIST.get(part, _NOSE)] * len(PARTS[part])
    kind = {"feet": "feet", "face": "head"}.get(part, "hands")
    nodes = [joint if known[joint] else hinges.parent[joint] for joint in joints]
    return nodes, np.full(len(nodes), factors[kind])
