"""A drawn figure of comic proportions: a head as large as the trunk, short arms and legs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pose.keypoints import Keypoints, PersonPose
from ..pose.skeletons import BODY, FACE

SIZE = (640, 960)  # width and height of the picture in pixels
_JOINTS = {  # of the figure's left half in pixels from the middle and from the upper edge
    "nose": (0, 330),
    "neck": (0, 480),
    "shoulder": (70, 490),
    "elbow": (105, 570),
    "wrist": (120, 650),
    "hip": (38, 680),
    "knee": (42, 775),
    "ankle": (44, 870),
    "eye": (62, 300),
    "ear": (140, 320),
}
_HEAD = (140.0, 130.0)  # half of the face's width and height in pixels


def chibi() -> tuple[PersonPose, NDArray[np.uint8]]:
    """Return the figure and its picture, (H, W, 3) uint8: a plain body under a large head."""
    places = np.array([_place(joint) for joint in BODY.joints], np.float64)
    person = PersonPose(
        body=Keypoints.from_pixels(places, np.ones(len(BODY)), *SIZE),
        face=Keypoints.from_pixels(_face(), np.ones(len(FACE)), *SIZE),
    )
    return person, _picture(places)


def _place(joint: str) -> tuple[float, float]:
    side, _, name = joint.rpartition("_")
    across, down = _JOINTS[name]
    # In front of the viewer the figure's right is on the left of the picture.
    return SIZE[0] / 2 + (-across if side == "right" else across), down


def _face() -> NDArray[np.float64]:
    """Return the 68 iBUG points and the pupils, laid out on circles."""
    around = np.linspace(np.pi, 0, 17)
    right_brow = [(-0.75 + 0.13 * i, -0.62 - 0.05 * (2 - abs(i - 2))) for i in range(5)]
    right_eye = _ring((-0.45, -0.25), (0.17, 0.12), 6)
    mouth = ((0.0, 0.48), (0.22, 0.08), 12), ((0.0, 0.48), (0.14, 0.03), 8)
    left_eye = [(-x, y) for x, y in (right_eye[i] for i in (3, 2, 1, 0, 5, 4))]
    points = [
        *zip(np.cos(around), 0.1 + 0.9 * np.sin(around), strict=True),
        *right_brow,
        *((-x, y) for x, y in reversed(right_brow)),
        *((0.0, -0.2 + 0.07 * i) for i in range(4)),
        *((0.06 * (i - 2), 0.1) for i in range(5)),
        *right_eye,
        *left_eye,
        *(point for ring in mouth for point in _ring(*ring)),
        (-0.45, -0.25),
        (0.45, -0.25),
    ]
    nose = np.array(_place("nose"))
    return np.array(points) * _HEAD + nose


def _ring(
    center: tuple[float, float], radii: tuple[float, float], count: int
) -> list[tuple[float, float]]:
    """Return points around an ellipse, from the left end over the top."""
    angles = np.pi + np.arange(count) * 2 * np.pi / count
    return [
        (center[0] + radii[0] * float(np.cos(a)), center[1] + radii[1] * float(np.sin(a)))
        for a in angles
    ]


def _picture(places: NDArray[np.float64]) -> NDArray[np.uint8]:
    import cv2

    picture = np.full((SIZE[1], SIZE[0], 3), 225, np.uint8)
    points = places.round().astype(int)
    for parent, child in BODY.limbs[:12]:  # arms, trunk and legs
        cv2.line(picture, points[parent].tolist(), points[child].tolist(), (90, 110, 160), 36)
    cv2.circle(picture, points[BODY.index("nose")].tolist(), 170, (240, 205, 180), -1)
    return picture
