"""How much larger the reference person's head, hands and feet are than the driver's."""

from __future__ import annotations

from collections.abc import Mapping

from ..skeletons import BODY, FACE, FEET, HAND
from ..tracks import PartTrack
from .proportions import BoneRatio, Pair, distance_ratio

_EYES_AND_EARS: tuple[Pair, ...] = (
    (BODY.index("right_eye"), BODY.index("left_eye")),
    (BODY.index("right_ear"), BODY.index("left_ear")),
    (BODY.index("nose"), BODY.index("right_eye")),
    (BODY.index("nose"), BODY.index("left_eye")),
)
# Points that no expression moves: corners of the eyes, bridge and base of the nose, temples.
_STILL_FACE: tuple[Pair, ...] = (
    (FACE.index("right_eye_0"), FACE.index("left_eye_3")),
    (FACE.index("right_eye_3"), FACE.index("left_eye_0")),
    (FACE.index("nose_bridge_0"), FACE.index("nostrils_2")),
    (FACE.index("nose_bridge_0"), FACE.index("nose_bridge_3")),
    (FACE.index("jaw_0"), FACE.index("jaw_16")),
    (FACE.index("jaw_1"), FACE.index("jaw_15")),
)
_KNUCKLES = tuple(HAND.index(f"{finger}_1") for finger in ("index", "middle", "ring", "little"))
# The palm: fingers bend.
_HAND: tuple[Pair, ...] = (
    *((HAND.index("wrist"), knuckle) for knuckle in _KNUCKLES),
    (_KNUCKLES[0], _KNUCKLES[-1]),
)
_FOOT: tuple[Pair, ...] = tuple(
    (FEET.index(f"{side}_heel"), FEET.index(f"{side}_{toe}_toe"))
    for side in ("left", "right")
    for toe in ("big", "small")
)


def part_ratios(
    driver: Mapping[str, PartTrack],
    reference: Mapping[str, PartTrack],
    *,
    whole: float,
    score_threshold: float,
    limit: float,
) -> dict[str, BoneRatio]:
    """Return the ratios of ``head``, ``hands`` and ``feet``.

    The face says how large a head is; where it is not seen in both people, eyes and ears do.

    Args:
        driver: The parts of the driver's clip.
        reference: The parts of the reference, one frame.
        whole: Ratio of the whole person, NaN when unknown.
        score_threshold: Points with a lower score are not measured.
        limit: A ratio lies within this factor of the whole person's.
    """

    def ratio(kind: str, pairs: tuple[Pair, ...], *parts: str) -> BoneRatio:
        own, ref = (
            [(tracks[part].places, tracks[part].seen(score_threshold)) for part in parts]
            for tracks in (driver, reference)
        )
        return distance_ratio(kind, pairs, own, ref, whole=whole, limit=limit)

    face, head = ratio("head", _STILL_FACE, "face"), ratio("head", _EYES_AND_EARS, "body")
    return {
        "head": face if face.driver > 0 else head,
        "hands": ratio("hands", _HAND, "left_hand", "right_hand"),
        "feet": ratio("feet", _FOOT, "feet"),
    }
