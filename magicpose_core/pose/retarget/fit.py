"""How well a driver sits on a person of whom nobody knows the true poses.

What can be told without them: whether neck, nose and shoulders lie where the picture has them in
the frame that looks most like it, whether limbs grow beyond both people's, whether the head stays
in the picture, and whether alignment adds jitter.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..keypoints import PersonPose, PoseSequence
from ..tracks import tracks_of
from .body_tree import (
    BONES,
    SHOULDERS,
    Mask,
    Points,
    node,
    with_mid_hip,
)
from .bone_length import bone_length, person_scale
from .framing import outside
from .head_tilt import head_tilt
from .neutral import likeness, neutral_frame

SEEN = 0.3
_NECK, _NOSE = node("neck"), node("nose")
_NO_PLACE = 25.0  # percent of the height: who stands that far off has 0 for the place
_DOUBLE = 100.0  # percent of growth that have 0 for the bones
_OFF = 3.0  # percent of the height that a nose may lie off
_TURNED = 10.0  # degrees
_BOWED = 0.9


@dataclass(frozen=True, kw_only=True)
class PoseFit:
    """How a driver fits; distances in percent of the picture's height, NaN where unseen.

    Attributes:
        neutral: Number of the neutral frame: the one that looks most like the reference.
        likeness: How much its head and shoulders look like the reference's, -1 to 1.
        tilt: Degrees in the picture by which its head is turned from the reference's, clockwise.
        turned_away: Whether the shoulders have changed places: one of both is seen from behind.
        bowed: Its way from neck to nose as a share of the driver's longest.
        neck: Distance of the neck from the reference's in the neutral frame.
        nose: Of the nose.
        shoulders: Mean distance of the shoulders; of those that changed places, from the other.
        first: Distance of the neck in the first frame.
        growth: By how many percent the longest bone exceeds the reference's and the driver's at the
            scale of the whole person, whichever is longer.
        grown: The kind of that bone.
        inside: Share of the frames whose head lies in the picture.
        jitter: Second differences of the body's points, as a multiple of the driver's own at the
            scale of the whole person.
    """

    neutral: int
    likeness: float
    tilt: float
    turned_away: bool
    bowed: float
    neck: float
    nose: float
    shoulders: float
    first: float
    growth: float
    grown: str
    inside: float
    jitter: float

    @property
    def marks(self) -> dict[str, int]:
        """Give marks of 0 to 100 for place, likeness, bones, and the head inside the picture.

        Place counts the farthest of neck, nose and shoulders: 0 from a quarter of the height on.
        Bones have 0 where one is twice as long as it should be. What is not seen has no mark.
        """
        off = [d for d in (self.neck, self.nose, self.shoulders) if not math.isnan(d)]
        shares = {
            "place": 1 - max(off) / _NO_PLACE if off else math.nan,
            "likeness": self.likeness,
            "bones": 1 - max(0.0, self.growth) / _DOUBLE,
            "head inside": self.inside,
        }
        return {
            name: round(100 * min(1.0, max(0.0, share)))
            for name, share in shares.items()
            if not math.isnan(share)
        }

    @property
    def score(self) -> int:
        """The worst of the marks: 0 does not fit, 100 fits in everything."""
        return min(self.marks.values())

    def in_words(self) -> str:
        """Say the score and the marks in one line."""
        marks = ", ".join(f"{name} {mark}" for name, mark in self.marks.items())
        return f"fit {self.score} of 100: {marks}"

    def as_dict(self) -> dict[str, object]:
        """Return score, marks and all figures as JSON has them; what is not seen is None."""
        figures = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }
        return {"score": self.score, "marks": self.marks, **figures}

    def explanation(self) -> str:
        """Say why shoulders or nose do not lie on the reference's; empty where they do."""
        if self.turned_away:
            return (
                f"left and right shoulder have changed places in frame {self.neutral}, the one "
                "most like the picture: the driver or the person is seen from behind and the other "
                "is not, so that the person turns round; take a driver who once faces the camera "
                "as the person does if that is not wanted"
            )
        if not self.nose > _OFF:
            return ""
        reasons = []
        if abs(self.tilt) > _TURNED:
            reasons.append(f"turned by {abs(self.tilt):.0f} degrees from the reference's")
        if self.bowed < _BOWED:
            reasons.append(f"bowed (neck to nose is {self.bowed:.0%} of the driver's longest)")
        why = " and ".join(reasons) or "of another shape"
        return (
            f"the nose lies {self.nose:.0f} % of the picture's height off: the driver's head is "
            f"{why} in frame {self.neutral}, the one most like the picture; take a driver who once "
            "looks as the picture does"
        )


def body_nodes(clip: PoseSequence, size: tuple[int, int]) -> tuple[Points, Mask]:
    """Return the (F, 19, 2) nodes of a one-person clip fitted into a picture, and their mask."""
    body = tracks_of(clip, size)["body"]
    return with_mid_hip(body.places, body.seen(SEEN))


def measure_fit(
    driver: PoseSequence,
    reference: PersonPose,
    size: tuple[int, int],
    aligned: PoseSequence,
) -> PoseFit:
    """Measure an aligned clip.

    Args:
        driver: One person per frame.
        reference: The person in the picture.
        size: Width and height of the picture in pixels.
        aligned: What alignment made of the driver, in that size.
    """
    still = PoseSequence(frames=((reference,),), width=size[0], height=size[1])
    own, ref, new = (body_nodes(clip, size) for clip in (driver, still, aligned))
    alike = likeness(own, ref)
    frame = neutral_frame(own, ref) or 0
    turned_away = _turned_away(own, ref, frame)
    first = int(np.argmax(new[1][:, _NECK]))
    scale = person_scale(own, ref)
    scale = 1.0 if math.isnan(scale) else scale
    growth, grown = _growth(own, ref, new, scale)
    leaving, frames = outside(*new, size)
    return PoseFit(
        neutral=frame,
        likeness=math.nan if alike is None else float(alike[frame]),
        tilt=math.degrees(head_tilt(own, (ref[0][0], ref[1][0]), frame)),
        turned_away=turned_away,
        bowed=_bowed(own, frame),
        neck=_distance(new, ref, frame, [_NECK], size),
        nose=_distance(new, ref, frame, [_NOSE], size),
        shoulders=_distance(
            new, ref, frame, SHOULDERS, size, at=SHOULDERS[::-1] if turned_away else SHOULDERS
        ),
        first=_distance(new, ref, first, [_NECK], size),
        growth=growth,
        grown=grown,
        inside=1 - leaving / frames if frames else math.nan,
        jitter=_jitter(*new) / max(scale * _jitter(*own), 1e-9),
    )


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
            np.array([bone_length(*person, bone) for bone in bones])
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
    *,
    at: list[int] | None = None,
) -> float:
    """Return how far joints lie from those of the reference, ``at`` other ones if given."""
    (places, seen), (target, shown) = aligned, reference
    if not (seen[frame, joints].all() and shown[0, joints].all()):
        return float("nan")
    distances = np.linalg.norm(places[frame, joints] - target[0, at or joints], axis=-1)
    return float(100 * distances.mean() / size[1])


def _jitter(places: Points, seen: Mask) -> float:
    """Return the root mean square second difference in pixels of the points seen thrice."""
    if len(places) < 3:
        return 0.0
    seen3: NDArray[np.bool_] = seen[2:] & seen[1:-1] & seen[:-2]
    bends = np.diff(places, 2, axis=0)[seen3]
    return float(np.sqrt((bends**2).sum(axis=-1).mean())) if len(bends) else 0.0


def _bowed(driver: tuple[Points, Mask], frame: int) -> float:
    """Return the way from neck to nose in a frame as a share of the longest one."""
    places, seen = driver
    longest = bone_length(*driver, (_NECK, _NOSE))
    if not (seen[frame, [_NECK, _NOSE]].all() and longest > 0):
        return math.nan
    way = float(np.linalg.norm(places[frame, _NOSE] - places[frame, _NECK]))
    return min(1.0, way / longest)


def _turned_away(driver: tuple[Points, Mask], reference: tuple[Points, Mask], frame: int) -> bool:
    right, left = SHOULDERS
    sides = []
    for (places, seen), number in ((driver, frame), (reference, 0)):
        if not seen[number, SHOULDERS].all():
            return False
        sides.append(places[number, left, 0] - places[number, right, 0])
    return bool(sides[0] * sides[1] < 0)
