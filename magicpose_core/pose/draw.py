"""Draw poses the way MagicPose saw them in training: OpenPose's colours on black.

The sizes are those of the released training maps, at the frame's own size: they do not grow with
the picture unless a scale asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .draw_style import DrawStyle
from .keypoints import Keypoints, PersonPose
from .skeletons import BODY, FACE, HAND, Skeleton

_LIMB_HALF_WIDTH = 4
_JOINT_RADIUS = 4
_HAND_LINE = 2
_HAND_RADIUS = 4
_FACE_RADIUS = 3
_TRAINED_SIZE = 512
_SMALL = 0.5  # of the trained size: faces are blobs on maps below
_FARTHEST = 1e6  # pixels; OpenCV takes no places beyond 32 bits
_FRONT = tuple(BODY.index(joint) for joint in ("nose", "right_eye", "left_eye"))


def scale_for(height: int, width: int) -> float:
    """Return the scale that gives a frame the proportions of a 512 pixel training map."""
    return min(height, width) / _TRAINED_SIZE


def size_warning(height: int, width: int, style: DrawStyle) -> str:
    """Say that points and lines run together on a small map; empty where they do not."""
    fitting = scale_for(height, width)
    if fitting >= _SMALL or style.line_scale <= 2 * fitting:
        return ""
    return (
        f"on maps of {width}x{height} points and lines of the usual width run together; set "
        f"line_scale to {fitting:.2f}, or draw larger maps"
    )


def draw_poses(
    people: Sequence[PersonPose], height: int, width: int, style: DrawStyle | None = None
) -> NDArray[np.uint8]:
    """Draw the people of one frame.

    Args:
        people: Drawn in this order, each over the ones before.
        height: Height of the map in pixels.
        width: Width of the map in pixels.
        style: The training style when None.

    Returns:
        (H, W, 3) uint8, RGB on black.
    """
    style = style or DrawStyle()
    canvas = np.zeros((height, width, 3), np.uint8)
    for person in people:
        if style.body:
            _draw_body(canvas, person.body, style)
        if style.hands:
            for hand in (person.left_hand, person.right_hand):
                _draw_hand(canvas, hand, style)
        if style.face and (style.turned_faces or shows_face(person, style.score_threshold)):
            _draw_discs(canvas, person.face, FACE, _FACE_RADIUS, style)
    return canvas


def shows_face(person: PersonPose, score_threshold: float) -> bool:
    """Tell whether the head looks into the picture: the nose or an eye of the body is seen.

    Detectors place face points on the back of a head as well. Where the body says nothing at all
    the face points are believed.
    """
    seen = person.body.visible(score_threshold)
    return bool(seen[list(_FRONT)].any() or not seen.any())


def _draw_body(canvas: NDArray[np.uint8], body: Keypoints, style: DrawStyle) -> None:
    places = _places(body, canvas)
    seen = body.visible(style.score_threshold)
    half_width = _sized(_LIMB_HALF_WIDTH, style)
    for (start, end), color in zip(BODY.limbs, BODY.limb_colors, strict=True):
        if seen[start] and seen[end]:
            center = places[[start, end]].mean(axis=0)
            across, down = places[start] - places[end]
            half_length = int(math.hypot(across, down) / 2)
            polygon = cv2.ellipse2Poly(
                (int(center[0]), int(center[1])),
                (half_length, half_width),
                int(math.degrees(math.atan2(down, across))),
                0,
                360,
                1,
            )
            cv2.fillConvexPoly(canvas, polygon, color)
    for (x, y), color in zip(places[seen].astype(int), _of(BODY.joint_colors, seen), strict=True):
        cv2.circle(canvas, (int(x), int(y)), _sized(_JOINT_RADIUS, style), color, thickness=-1)


def _draw_hand(canvas: NDArray[np.uint8], hand: Keypoints | None, style: DrawStyle) -> None:
    if hand is None:
        return
    places = _places(hand, canvas).astype(int)
    seen = _inside(places) & hand.visible(style.score_threshold)
    for (start, end), color in zip(HAND.limbs, HAND.limb_colors, strict=True):
        if seen[start] and seen[end]:
            line = tuple(map(int, places[start])), tuple(map(int, places[end]))
            cv2.line(canvas, *line, color, thickness=_sized(_HAND_LINE, style))
    _draw_discs(canvas, hand, HAND, _HAND_RADIUS, style)


def _draw_discs(
    canvas: NDArray[np.uint8],
    points: Keypoints | None,
    skeleton: Skeleton,
    radius: int,
    style: DrawStyle,
) -> None:
    if points is None:
        return
    places = _places(points, canvas).astype(int)
    seen = _inside(places) & points.visible(style.score_threshold)
    for (x, y), color in zip(places[seen], _of(skeleton.joint_colors, seen), strict=True):
        cv2.circle(canvas, (int(x), int(y)), _sized(radius, style), color, thickness=-1)


def _places(points: Keypoints, canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = canvas.shape[:2]
    # In float32, so that a whole pixel p stored as p / width comes back as p.
    places = points.xy * np.array([width, height], np.float32)
    return places.clip(-_FARTHEST, _FARTHEST)


def _inside(places: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Hands and faces lose the points on or beyond the left and upper edge, as in training."""
    inside: NDArray[np.bool_] = np.all(places > 0, axis=1)
    return inside


def _of(
    colors: tuple[tuple[int, int, int], ...], seen: NDArray[np.bool_]
) -> list[tuple[int, int, int]]:
    return [color for color, kept in zip(colors, seen, strict=True) if kept]


def _sized(pixels: int, style: DrawStyle) -> int:
    return max(1, round(pixels * style.line_scale))
