"""Give the driver's poses the reference person's bones, so that the pose maps fit the picture.

Every bone keeps its direction and gets the reference's length; hands, feet and face keep their
shape and get the reference's size, so that fingers and expression survive. All factors hold for the
whole clip: alignment adds no jitter.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..cleanup.hands import swap_hands_back
from ..keypoints import PersonPose, PoseSequence
from ..skeletons import BODY, FACE, FEET, HAND, PARTS
from ..tracks import PartTrack, sequence_of, tracks_of
from .body_tree import Mask, Points, guess_trunk, node, with_mid_hip
from .bone_ratio import BoneRatio
from .expression import scale_expression
from .feet import plant_feet
from .fill_body import fill_body
from .fit import PoseFit, measure_fit
from .framing import outside
from .head_tilt import head_tilt, less_tilt, turn_heads
from .part_ratios import part_ratios
from .proportions import body_ratios, body_size, bone_lengths
from .regrow import Hinges, find_hinges, regrow
from .root_path import Body, root_path, standing_frame, step_factor
from .settings import AlignSettings

_LOG = logging.getLogger("magicpose")
_NOSE = node("nose")
_SAID = 10.0  # degrees from which a turn of the head is told
_WRIST = {"left_hand": node("left_wrist"), "right_hand": node("right_wrist")}
_STAND_INS = (  # a point of another part that lies on a node of the body
    (_NOSE, "face", FACE.index("nose_bridge_3")),
    *((wrist, hand, HAND.index("wrist")) for hand, wrist in _WRIST.items()),
)


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """An aligned clip and the factors that made it.

    Attributes:
        sequence: The aligned poses, in the size of the reference's picture.
        ratios: The factor of each kind of bone and part at full strength.
        fit: How the aligned clip sits on the person.
        notes: What was moved, could not be measured, or leaves the picture; in words.
    """

    sequence: PoseSequence
    ratios: tuple[BoneRatio, ...]
    fit: PoseFit
    notes: tuple[str, ...] = ()

    def report(self) -> str:
        """Return the factors as a table, the fit, and the notes; lengths are in pixels."""
        rows = [f"{'bones':<12}{'driver':>9}{'reference':>11}{'ratio':>8}  source"]
        rows += [
            f"{r.kind:<12}{r.driver:>9.1f}{r.reference:>11.1f}{r.ratio:>8.3f}  {r.source}"
            for r in self.ratios
        ]
        return "\n".join([*rows, self.fit.in_words(), *self.notes])


def align(
    sequence: PoseSequence,
    reference: PersonPose,
    size: tuple[int, int],
    settings: AlignSettings | None = None,
) -> Alignment:
    """Align the person of a clip to the person of a picture.

    Args:
        sequence: The driver, one person per frame at most (see ``people``).
        reference: The person in the picture; what is hidden there takes its size from the other
            side or from the whole person.
        size: Width and height of the reference's picture in pixels; the result has this size.
        settings: Defaults when None.

    Raises:
        InputError: A frame has several people, or no frame shows one whose points count.
    """
    settings = settings or AlignSettings()
    still = PoseSequence(frames=((reference,),), width=size[0], height=size[1])
    driver, target = (_sided(clip, size, settings.score_threshold) for clip in (sequence, still))
    own, own_seen = _nodes(driver, settings.score_threshold)
    ref, ref_seen = _nodes(target, settings.score_threshold)
    if not own_seen.any():
        raise InputError(
            f"no frame shows a body point with a score of {settings.score_threshold} or more, so "
            "there is nothing to align; check the detector or lower score_threshold"
        )
    own_measured = own_seen & _inside(own, _frame_box(sequence, size))
    ref_measured = ref_seen & _inside(ref, (0, 0, *size))
    ratios = body_ratios((own, own_measured), (ref, ref_measured), settings.limit, guessed=own_seen)
    whole = ratios["whole"].ratio
    if ratios["whole"].source == "unknown":
        _LOG.warning("the reference and the driver share no bone: the driver's size is kept")
        whole = float("nan")
    ratios |= part_ratios(
        driver, target, whole=whole, score_threshold=settings.score_threshold, limit=settings.limit
    )
    stands, shown = guess_trunk(ref, ref_measured)
    body = Body(
        places=fill_body(own, own_seen),
        seen=own_seen,
        target=stands[0],
        shown=shown[0],
        beyond=(ref_seen & ~ref_measured)[0],
        fps=sequence.fps,
    )
    frame = standing_frame(body, settings.anchor_frame)
    settings = replace(settings, anchor_frame=frame)
    tilt = head_tilt((body.places, body.seen), (body.target, body.shown), frame)
    turn = settings.strength * less_tilt(tilt, settings.head_tilt)
    if turn:
        driver = turn_heads(driver, body.places[:, node("neck")], turn)
        body = replace(
            body, places=fill_body(_nodes(driver, settings.score_threshold)[0], own_seen)
        )
    path = root_path(body, find_hinges(body.known, _factors(ratios, 1.0)), ratios, settings, size)
    factors = _factors(ratios, settings.strength)
    factors["head"] *= settings.head_size
    moved = _move(driver, body, path.places, factors, settings.strength)
    if settings.plant_feet:
        moved = plant_feet(
            moved,
            driver,
            fps=sequence.fps,
            height=body_size(bone_lengths(own, own_seen)),
            scale=step_factor(ratios) ** settings.strength,
            score_threshold=settings.score_threshold,
        )
    moved = _adjust(moved, settings, size)
    aligned = sequence_of(moved, size, sequence.fps)
    fit = measure_fit(sequence, reference, size, aligned)
    explained = filter(None, [fit.explanation()])
    notes = (
        *path.notes,
        *_head_turned(turn),
        *_head_outside(moved["body"], settings, size),
        *explained,
    )
    for note in notes:
        _LOG.warning("%s", note)
    return Alignment(sequence=aligned, ratios=tuple(ratios.values()), fit=fit, notes=notes)


def _sided(
    clip: PoseSequence, size: tuple[int, int], score_threshold: float
) -> Mapping[str, PartTrack]:
    """Return the parts of a clip, hands at their own wrists."""
    tracks = tracks_of(clip, size)
    height = body_size(bone_lengths(*_nodes(tracks, score_threshold)))
    return swap_hands_back(tracks, score_threshold=score_threshold, height=height)[0]


def _head_turned(turn: float) -> tuple[str, ...]:
    degrees = abs(math.degrees(turn))
    if degrees < _SAID:
        return ()
    return (
        f"the head is turned by {degrees:.0f} degrees about the neck, so that the face lies on the "
        "picture's; set head_tilt to 1 to keep the driver's",
    )


def _adjust(
    moved: Mapping[str, PartTrack], settings: AlignSettings, size: tuple[int, int]
) -> dict[str, PartTrack]:
    """Set the strength of the expression, zoom about the middle of the picture, and shift."""
    face, threshold = moved["face"], settings.score_threshold
    places = scale_expression(face.places, face.seen(threshold), settings.expression)
    parts = {**moved, "face": replace(face, places=places)}
    middle = np.array(size) / 2
    shift = np.array([settings.shift_x, settings.shift_y]) * size
    return {
        part: replace(track, places=(track.places - middle) * settings.zoom + middle + shift)
        for part, track in parts.items()
    }


def _frame_box(sequence: PoseSequence, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the driver's frames when fitted into the picture."""
    scale = min(size[0] / sequence.width, size[1] / sequence.height)
    width, height = scale * sequence.width, scale * sequence.height
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height


def _inside(places: Points, box: tuple[float, float, float, float]) -> Mask:
    """Tell which places lie in a box: what a detector says of the rest is a guess."""
    left, top, right, bottom = box
    return np.all((places >= (left, top)) & (places <= (right, bottom)), axis=-1)


def _head_outside(
    body: PartTrack, settings: AlignSettings, size: tuple[int, int]
) -> tuple[str, ...]:
    leaving, frames = outside(body.places, body.seen(settings.score_threshold), size)
    if leaving == 0:
        return ()
    remedy = "set walk to 0" if settings.keep_inside else "set walk to 0, or keep_inside"
    return (f"the head is outside the picture in {leaving} of {frames} frames; {remedy}",)


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


def _move(
    driver: Mapping[str, PartTrack],
    body: Body,
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
