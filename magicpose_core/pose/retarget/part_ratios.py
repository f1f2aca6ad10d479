"""How much larger the reference person's head, hands and feet are than the driver's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..skeletons import BODY, FACE, FEET, HAND
from ..tracks import PartTrack
from .body_tree import Mask, Points
from .bone_ratio import BoneRatio, bounded_ratio
from .proportions import HEADS_DIFFER, Pair, distance_ratio

_SIDES = ("right", "left")
_HEAD = [BODY.index("nose"), *(BODY.index(f"{s}_{p}") for p in ("eye", "ear") for s in _SIDES)]
# Points that no expression moves: corners of the eyes, bridge and base of the nose, temples.
STILL_FACE = [
    *(FACE.index(f"{side}_eye_{corner}") for side in _SIDES for corner in (0, 3)),
    *(FACE.index(f"nose_bridge_{point}") for point in (0, 1, 2, 3)),
    FACE.index("nostrils_2"),
    *(FACE.index(f"jaw_{point}") for point in (0, 1, 15, 16)),
]
_FEWEST = 3  # points that make a shape
# Cosines of shapes from which two heads are turned alike, and how far from the best one they lie.
_FACES_ALIKE, _HEADS_ALIKE, _NEARLY = 0.95, 0.9, 0.01
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

    The face says how large a head is, in the frames in which it is turned as the reference's; where
    it is not seen so in both people, nose, eyes and ears do, else the whole person.

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

    def head() -> BoneRatio:
        shapes = (("face", STILL_FACE, _FACES_ALIKE), ("body", _HEAD, _HEADS_ALIKE))
        for part, points, alike in shapes:
            own, ref = (
                (t[part].places[:, points], t[part].seen(score_threshold)[:, points])
                for t in (driver, reference)
            )
            sizes = shape_sizes(own, ref, alike)
            if sizes is not None:
                return bounded_ratio("head", *sizes, whole, HEADS_DIFFER * limit)
        return bounded_ratio("head", float("nan"), float("nan"), whole, limit)

    return {
        "head": head(),
        "hands": ratio("hands", _HAND, "left_hand", "right_hand"),
        "feet": ratio("feet", _FOOT, "feet"),
    }


def shape_sizes(
    driver: tuple[Points, Mask], reference: tuple[Points, Mask], alike: float
) -> tuple[float, float] | None:
    """Compare the sizes of a rigid shape in the frames in which it is turned as the reference's.

    Shapes are compared by the cosine between their points about the middle of those that both
    show, turned in the picture onto each other.

    Args:
        driver: (F, N, 2) places in pixels and their (F, N) mask.
        reference: The same of the reference, one frame.
        alike: Smallest cosine.

    Returns:
        The size of the driver's shape and the reference's in pixels, None where no frame is alike.
    """
    (places, seen), (target, shown) = driver, reference
    own, ref = (p[..., 0] + 1j * p[..., 1] for p in (places, target[0]))
    both = seen & shown[0]
    count = both.sum(axis=1)
    frames = np.flatnonzero(count >= _FEWEST)
    if len(frames) == 0:
        return None
    mask, number = both[frames], count[frames]
    offsets = [
        (values - ((values * mask).sum(axis=1) / number)[:, None]) * mask
        for values in (own[frames], np.broadcast_to(ref, mask.shape))
    ]
    lengths = [np.linalg.norm(offset, axis=1) for offset in offsets]
    product = np.abs((offsets[0].conj() * offsets[1]).sum(axis=1))
    cosines = product / np.maximum(lengths[0] * lengths[1], 1e-9)
    chosen = cosines >= max(alike, float(cosines.max()) - _NEARLY)
    if not chosen.any():
        return None
    root = np.sqrt(number[chosen])
    size = float(np.median(lengths[0][chosen] / root))
    # The scale of least squares, so that what differs in shape does not count as size.
    scale = float(np.median(product[chosen] / lengths[0][chosen] ** 2))
    return size, scale * size
