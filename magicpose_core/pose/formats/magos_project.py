"""Projects that the pose editor of Magos Nodes saves: points by frame, and edits over them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..keypoints import USUAL_FPS, Keypoints, PersonPose, PoseSequence
from ..skeletons import PARTS
from .json_values import number_array, pixel_count

_LOG = logging.getLogger("magicpose")
_PARTS = {"body": "body", "left_hand": "lhand", "right_hand": "rhand", "face": "face"}
_LONGEST = 100_000  # frames
_Edits = Mapping[str, object]


def is_magos_project(content: Mapping[str, object]) -> bool:
    """Tell by the number of frames and their being named instead of listed."""
    return "frame_count" in content and isinstance(content.get("frames"), Mapping)


def from_magos_project(content: Mapping[str, object], *, fps: float | None = None) -> PoseSequence:
    """Read a project; a point that is edited in a frame lies where it was put.

    What the editor moves between edits is not computed anew: a warning counts such points.

    Args:
        content: ``width``, ``height``, ``frame_count``, ``frames`` by their numbers, each with
            ``body`` (18 points and the toes), ``lhand``, ``rhand`` and ``face`` as lists of x, y
            and score in pixels, and ``overrides`` by frame and point (``body_4``).
        fps: Frames per second, which projects do not hold; 30 when None.

    Raises:
        InputError: Numbers are missing or are none; the message names the frame.
    """
    frames, overrides = (_named(content, key) for key in ("frames", "overrides"))
    count = content["frame_count"]
    if not isinstance(count, int) or not 1 <= count <= _LONGEST:
        raise InputError(f"frame_count must be 1 to {_LONGEST}, got {count!r}")
    size = pixel_count(content.get("width"), "width"), pixel_count(content.get("height"), "height")
    people = tuple(
        _person(_named(frames, str(i)), _named(overrides, str(i)), size, f"frame {i}")
        for i in range(count)
    )
    _tell_of_motion(overrides, count)
    return PoseSequence(
        frames=tuple((person,) if person.body.visible().any() else () for person in people),
        width=size[0],
        height=size[1],
        fps=fps or USUAL_FPS,
    )


def _person(
    frame: Mapping[str, object], edits: _Edits, size: tuple[int, int], where: str
) -> PersonPose:
    parts = {}
    for part, name in _PARTS.items():
        given = frame.get(name)
        points = _triples(given, part, f"{where}: {name}") if given else None
        edited = {label: value for label, value in edits.items() if label.startswith(f"{name}_")}
        if points is None and edited:
            points = np.zeros((len(PARTS[part]), 3))
        if points is None:
            continue
        for label, value in edited.items():
            _edit(points, label, value, where)
        parts[part] = Keypoints.from_pixels(points[:, :2], points[:, 2].clip(0, 1), *size)
    parts.setdefault("body", Keypoints.absent(len(PARTS["body"])))
    return PersonPose(**parts)


def _triples(value: object, part: str, where: str) -> NDArray[np.float64]:
    """Return (K, 3) places and scores; toes behind the body are left out, pupils may be absent."""
    numbers = number_array(value, where).ravel()
    count = len(PARTS[part])
    least = count - 2 if part == "face" else count
    if len(numbers) % 3 or len(numbers) < 3 * least or not np.isfinite(numbers).all():
        raise InputError(
            f"{where} must be {count} points of finite x, y and score, got {len(numbers)} numbers"
        )
    points = np.zeros((count, 3))
    given = numbers.reshape(-1, 3)[:count]
    points[: len(given)] = given
    return points


def _edit(points: NDArray[np.float64], label: str, value: object, where: str) -> None:
    number = label.rpartition("_")[2]
    if not number.isdecimal() or int(number) >= len(points):
        return  # the toes
    place = number_array(value, f"{where}: {label}").ravel()
    if len(place) < 2 or not np.isfinite(place).all():
        raise InputError(f"{where}: {label} must be x, y and score in numbers, got {value!r:.80}")
    points[int(number), : min(3, len(place))] = place[:3]


def _tell_of_motion(overrides: Mapping[str, object], count: int) -> None:
    edited: Counter[str] = Counter()
    for edits in overrides.values():
        edited.update(list(edits) if isinstance(edits, Mapping) else ())
    moved = sum(0 < times < count for label, times in edited.items() if _is_point(label))
    if moved:
        _LOG.warning(
            "%d points are edited in some frames only: what the editor moves between edits is not "
            "read; save the pose_keypoints of its renderer instead",
            moved,
        )


def _is_point(label: str) -> bool:
    return label.rpartition("_")[0] in _PARTS.values()


def _named(content: Mapping[str, object], key: str) -> Mapping[str, object]:
    """Return an object under a name, an empty one where there is none."""
    value = content.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{key} must be an object, got {type(value).__name__}")
    return value
