"""OpenPose people as JSON values: ComfyUI's POSE_KEYPOINT in its dialects, and CMU's own files.

Held exactly: places, scores (where the dialect has real ones), absent parts (where it has them).
Not held: frames per second (a clip's file adds them, see ``pose_files``); CMU's files hold no frame
size, and their middle of the hips is computed anew on writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, one_line
from ..keypoints import USUAL_FPS, Keypoints, PersonPose, PoseSequence
from ..skeletons import BODY, FACE, FEET, PARTS
from .json_values import number_array, pixel_count

OpenPosePerson = dict[str, list[float] | None]


class OpenPoseFrame(TypedDict):
    """The people of one frame as POSE_KEYPOINT holds them."""

    people: list[OpenPosePerson]
    canvas_width: int
    canvas_height: int


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How POSE_KEYPOINT is written.

    Attributes:
        normalised: Places as fractions of the size instead of pixels.
        binary_scores: Scores of 1 or 0 instead of real ones.
        zeros_for_absent: An absent part is a list of zeros instead of None.
        feet: Write ``foot_keypoints_2d``.
    """

    normalised: bool = False
    binary_scores: bool = False
    zeros_for_absent: bool = False
    feet: bool = True


COMPLETE = Dialect()
AUX_DWPOSE = Dialect(binary_scores=True, feet=False)
AUX_OPENPOSE = Dialect(binary_scores=True, feet=False, normalised=True)
CORE_SDPOSE = Dialect(zeros_for_absent=True)

_KEYS = {
    "body": "pose_keypoints_2d",
    "face": "face_keypoints_2d",
    "left_hand": "hand_left_keypoints_2d",
    "right_hand": "hand_right_keypoints_2d",
    "feet": "foot_keypoints_2d",
}
# BODY_25 = 8 of the 18, the middle of the hips, the other 10, the 6 of the feet.
_BODY_OF_25 = (*range(8), *range(9, 19))
_MID_HIP, _FEET_OF_25 = 8, slice(19, 25)
_HIPS = (BODY.index("right_hip"), BODY.index("left_hip"))
_DIGITS = (3, 4, 5, 6)  # behind the point; places given in thousandths of pixels come back so
_NORMALISED_LIMIT = 1.5  # a clip whose places mostly lie below 1.5 is not in pixels


def to_pose_keypoints(sequence: PoseSequence, dialect: Dialect = COMPLETE) -> list[OpenPoseFrame]:
    """Write a sequence as POSE_KEYPOINT, one value per frame."""
    size = (1, 1) if dialect.normalised else (sequence.width, sequence.height)
    return [
        OpenPoseFrame(
            people=[_write_person(person, size, dialect) for person in people],
            canvas_width=sequence.width,
            canvas_height=sequence.height,
        )
        for people in sequence.frames
    ]


def to_cmu_people(people: Sequence[PersonPose], width: int, height: int) -> dict[str, object]:
    """Write one frame as CMU OpenPose does, in pixels: 25 body points with feet, 18 without."""
    return {"version": 1.3, "people": [_write_cmu_person(p, (width, height)) for p in people]}


def from_pose_keypoints(
    frames: object, *, size: tuple[int, int] | None = None, fps: float = USUAL_FPS
) -> PoseSequence:
    """Read POSE_KEYPOINT (any dialect) or frames of CMU OpenPose.

    Args:
        frames: One frame or a list of frames, each with ``people``.
        size: Width and height in pixels, for files that do not hold them.
        fps: Frames per second.

    Raises:
        InputError: It is no OpenPose value, holds animals, wrong counts or no numbers; the message
            names the frame and the person.
    """
    listed = frames if isinstance(frames, list) else [frames]
    checked = [_frame(frame, index) for index, frame in enumerate(listed)]
    width, height = _size_of(checked, size)
    people = [
        [_triples_of(person, f"frame {f}, person {p}") for p, person in enumerate(_people(frame))]
        for f, frame in enumerate(checked)
    ]
    normalised = _is_normalised([triples for frame in people for triples in frame])
    scale = (1.0, 1.0) if normalised else (float(width), float(height))
    return PoseSequence(
        frames=tuple(
            tuple(_read_person(triples, scale, normalised=normalised) for triples in frame)
            for frame in people
        ),
        width=width,
        height=height,
        fps=fps,
    )


def _write_person(person: PersonPose, size: tuple[int, int], dialect: Dialect) -> OpenPosePerson:
    written: OpenPosePerson = {}
    for part, key in _KEYS.items():
        if part == "feet" and not (dialect.feet and (person.feet or dialect.zeros_for_absent)):
            continue
        points: Keypoints | None = getattr(person, part)
        if points is None and dialect.zeros_for_absent:
            points = Keypoints.absent(len(PARTS[part]))
        written[key] = None if points is None else _flat(points, size, dialect)
    return written


def _write_cmu_person(person: PersonPose, size: tuple[int, int]) -> dict[str, object]:
    body = _flat(person.body, size, COMPLETE)
    if person.feet is not None:
        split = 3 * _MID_HIP
        middle = _flat(_mid_hip(person.body), size, COMPLETE)
        body = [*body[:split], *middle, *body[split:], *_flat(person.feet, size, COMPLETE)]
    written: dict[str, object] = {"person_id": [-1], _KEYS["body"]: body}
    for part in ("face", "left_hand", "right_hand"):
        points: Keypoints | None = getattr(person, part)
        written[_KEYS[part]] = [] if points is None else _flat(points, size, COMPLETE)
    return written


def _mid_hip(body: Keypoints) -> Keypoints:
    hips = list(_HIPS)
    return Keypoints(body.xy[hips].mean(axis=0, keepdims=True), body.score[hips].min(keepdims=True))


def _flat(points: Keypoints, size: tuple[int, int], dialect: Dialect) -> list[float]:
    scores = (points.score > 0).astype(np.float32) if dialect.binary_scores else points.score
    flat: list[float] = []
    for place, score in zip(points.xy, scores, strict=True):
        x, y = (_plain(value, extent) for value, extent in zip(place, size, strict=True))
        flat += [x, y, float(str(score))]
    return flat


def _plain(value: np.float32, size: int) -> float:
    """Return the shortest number that reads back as exactly this place."""
    if size == 1:
        return float(str(value))
    exact = float(value) * size
    shorter = (round(exact, digits) for digits in _DIGITS)
    return next((short for short in shorter if np.float32(short / size) == value), exact)


def _frame(frame: object, index: int) -> Mapping[str, object]:
    if not isinstance(frame, Mapping):
        raise InputError(f"frame {index} must be an object with people, got {type(frame).__name__}")
    if "animals" in frame or frame.get("version") == "ap10k":
        raise InputError(
            f"frame {index} holds animals (AP-10K); MagicPose draws people: "
            "detect with OpenPose, DWPose or SDPose instead"
        )
    if not isinstance(frame.get("people"), list):
        shown = one_line(", ".join(sorted(map(str, frame))))
        raise InputError(
            f"frame {index} has no list of people but {shown}; "
            "expected POSE_KEYPOINT or CMU OpenPose JSON"
        )
    return frame


def _people(frame: Mapping[str, object]) -> list[object]:
    people = frame["people"]
    assert isinstance(people, list)
    return people


def _size_of(
    frames: Sequence[Mapping[str, object]], size: tuple[int, int] | None
) -> tuple[int, int]:
    named: set[tuple[int, int]] = set()
    for index, frame in enumerate(frames):
        width, height = frame.get("canvas_width"), frame.get("canvas_height")
        if width is not None and height is not None:
            where = f"frame {index}: canvas"
            named.add(
                (pixel_count(width, f"{where}_width"), pixel_count(height, f"{where}_height"))
            )
        elif size is None:
            raise InputError(
                f"frame {index} does not say how large its picture was; set frame_size to "
                "that, width and height in pixels"
            )
    if len(named) > 1:
        raise InputError(f"all frames must have one size, got {sorted(named)}; split the clip")
    if named:
        return named.pop()
    if size is None:
        raise InputError("there are no frames; give one at least")
    return size


def _triples_of(person: object, where: str) -> dict[str, NDArray[np.float64]]:
    """Return (K, 3) places and scores of each part that is there, feet of BODY_25 split off."""
    if not isinstance(person, Mapping):
        raise InputError(f"{where} must be an object, got {type(person).__name__}")
    triples = {
        part: _triples(person[key], f"{where}: {key}")
        for part, key in _KEYS.items()
        if person.get(key)
    }
    body = triples.setdefault("body", np.zeros((len(BODY), 3)))
    if len(body) == len(_BODY_OF_25) + 1 + len(FEET):
        triples["body"], triples["feet"] = body[list(_BODY_OF_25)], body[_FEET_OF_25]
    face = triples.get("face")
    if face is not None and len(face) == len(FACE) - 2:  # without the pupils
        triples["face"] = np.concatenate([face, np.zeros((2, 3))])
    for part, points in triples.items():
        if len(points) != len(PARTS[part]):
            raise InputError(
                f"{where}: {_KEYS[part]} must have {len(PARTS[part])} points of (x, y, score), "
                f"got {len(points)}" + _SEVENTEEN * (len(points) == 17)
            )
    return triples


def _triples(value: object, where: str) -> NDArray[np.float64]:
    numbers = number_array(value, where).ravel()
    if len(numbers) % 3 or not np.isfinite(numbers).all():
        raise InputError(
            f"{where} must be finite numbers x, y, score in threes, got {len(numbers)} numbers"
        )
    return numbers.reshape(-1, 3)


def _is_normalised(people: Sequence[Mapping[str, NDArray[np.float64]]]) -> bool:
    places = [points[points[:, 2] > 0, :2] for triples in people for points in triples.values()]
    seen = np.concatenate(places) if places else np.zeros((0, 2))
    return bool(len(seen) and np.median(np.abs(seen)) <= _NORMALISED_LIMIT)


def _read_person(
    triples: Mapping[str, NDArray[np.float64]], size: tuple[float, float], *, normalised: bool
) -> PersonPose:
    parts = {}
    for part, points in triples.items():
        score = points[:, 2].clip(0, 1)  # CMU's own scores reach a little above 1
        if normalised and part != "body":
            # controlnet_aux's OpenPose marks hand and face points it did not find by -1 / size.
            score = score * (points[:, :2] >= 0).all(axis=1)
        parts[part] = Keypoints.from_pixels(points[:, :2], score, *size)
    return PersonPose(**parts)


_SEVENTEEN = "; 17 points are COCO's order: read them as COCO"
