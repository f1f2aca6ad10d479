"""The skeletons of OpenPose as tables: joints, limbs, colours, mirror images."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Color = tuple[int, int, int]
Limb = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """Names, limbs and mirror image of K keypoints.

    Attributes:
        joints: K names, in the order of the keypoints.
        limbs: Pairs (parent, child) in drawing order; together they form a forest.
        limb_colors: One RGB colour a limb, as it is drawn.
        joint_colors: One RGB colour a joint, as it is drawn.
        mirror: For each keypoint the one that takes its place when left and right are swapped.
    """

    joints: tuple[str, ...]
    limbs: tuple[Limb, ...]
    limb_colors: tuple[Color, ...]
    joint_colors: tuple[Color, ...]
    mirror: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(self.joints)
        children = [child for _, child in self.limbs]
        assert len(set(self.joints)) == count
        assert len(self.limb_colors) == len(self.limbs)
        assert len(self.joint_colors) == count
        assert len(self.mirror) == count
        assert all(0 <= end < count for limb in self.limbs for end in limb)
        assert len(set(children)) == len(children)
        assert all(self.mirror[self.mirror[index]] == index for index in range(count))

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Return the place of a joint by its name."""
        return self.joints.index(joint)


def _swap_sides(joints: tuple[str, ...]) -> tuple[int, ...]:
    """Return the mirror table of joints whose names begin with ``left_`` or ``right_``."""
    other = {"left": "right", "right": "left"}
    swapped = []
    for joint in joints:
        side, _, rest = joint.partition("_")
        swapped.append(f"{other[side]}_{rest}" if side in other else joint)
    return tuple(joints.index(joint) for joint in swapped)


_BODY_JOINTS = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
_BODY_LIMBS = (
    ("neck", "right_shoulder"),
    ("neck", "left_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("neck", "right_hip"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("neck", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("neck", "nose"),
    ("nose", "right_eye"),
    ("right_eye", "right_ear"),
    ("nose", "left_eye"),
    ("left_eye", "left_ear"),
)
_BODY_COLORS = (
    (255, 0, 0),
    (255, 85, 0),
    (255, 170, 0),
    (255, 255, 0),
    (170, 255, 0),
    (85, 255, 0),
    (0, 255, 0),
    (0, 255, 85),
    (0, 255, 170),
    (0, 255, 255),
    (0, 170, 255),
    (0, 85, 255),
    (0, 0, 255),
    (85, 0, 255),
    (170, 0, 255),
    (255, 0, 255),
    (255, 0, 170),
    (255, 0, 85),
)
_LIMB_SHADE = 0.6


def _shade(color: Color) -> Color:
    red, green, blue = (int(channel * _LIMB_SHADE) for channel in color)
    return red, green, blue


BODY = Skeleton(
    joints=_BODY_JOINTS,
    limbs=tuple(
        (_BODY_JOINTS.index(parent), _BODY_JOINTS.index(child)) for parent, child in _BODY_LIMBS
    ),
    limb_colors=tuple(_shade(color) for color in _BODY_COLORS[: len(_BODY_LIMBS)]),
    joint_colors=_BODY_COLORS,
    mirror=_swap_sides(_BODY_JOINTS),
)

_FINGERS = ("thumb", "index", "middle", "ring", "little")
_FINGER_JOINTS = 4
_HAND_JOINTS = (
    "wrist",
    *(f"{finger}_{joint}" for finger in _FINGERS for joint in range(1, _FINGER_JOINTS + 1)),
)
_HAND_LIMBS = tuple(
    (0 if (child - 1) % _FINGER_JOINTS == 0 else child - 1, child)
    for child in range(1, len(_HAND_JOINTS))
)


def _hue(fraction: float) -> Color:
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(fraction, 1, 1))
    return red, green, blue


HAND = Skeleton(
    joints=_HAND_JOINTS,
    limbs=_HAND_LIMBS,
    limb_colors=tuple(_hue(limb / len(_HAND_LIMBS)) for limb in range(len(_HAND_LIMBS))),
    joint_colors=((0, 0, 255),) * len(_HAND_JOINTS),
    mirror=tuple(range(len(_HAND_JOINTS))),  # the other hand's list holds the other side
)


def _mirrored_face() -> tuple[int, ...]:
    """Return the mirror table of the 68 iBUG points and the two pupils."""
    pairs = [(index, 16 - index) for index in range(8)]  # jaw
    pairs += [(17 + index, 26 - index) for index in range(5)]  # brows
    pairs += [(31, 35), (32, 34)]  # nostrils
    pairs += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]  # eyes
    pairs += [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56)]  # outer lips
    pairs += [(60, 64), (61, 63), (67, 65)]  # inner lips
    pairs += [(68, 69)]  # pupils
    table = list(range(70))
    for one, other in pairs:
        table[one], table[other] = other, one
    return tuple(table)


_FACE_REGIONS = (
    ("jaw", 17),
    ("right_brow", 5),
    ("left_brow", 5),
    ("nose_bridge", 4),
    ("nostrils", 5),
    ("right_eye", 6),
    ("left_eye", 6),
    ("outer_lips", 12),
    ("inner_lips", 8),
    ("right_pupil", 1),
    ("left_pupil", 1),
)

FACE = Skeleton(
    joints=tuple(f"{region}_{point}" for region, count in _FACE_REGIONS for point in range(count)),
    limbs=(),
    limb_colors=(),
    joint_colors=((255, 255, 255),) * 70,
    mirror=_mirrored_face(),
)

_FOOT_JOINTS = (
    "left_big_toe",
    "left_small_toe",
    "left_heel",
    "right_big_toe",
    "right_small_toe",
    "right_heel",
)

FEET = Skeleton(
    joints=_FOOT_JOINTS,
    limbs=(),
    limb_colors=(),
    joint_colors=((0, 0, 0),) * len(_FOOT_JOINTS),  # MagicPose's maps show no feet
    mirror=_swap_sides(_FOOT_JOINTS),
)

PARTS: Mapping[str, Skeleton] = MappingProxyType(
    {"body": BODY, "left_hand": HAND, "right_hand": HAND, "face": FACE, "feet": FEET}
)

assert (len(BODY), len(HAND), len(FACE), len(FEET)) == (18, 21, 70, 6)
assert (len(BODY.limbs), len(HAND.limbs)) == (17, 20)
