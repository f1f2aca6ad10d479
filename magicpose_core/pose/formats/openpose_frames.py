"""Read OpenPose people out of JSON values, whatever their dialect, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, one_line
from ..keypoints import USUAL_FPS, Keypoints, People, PersonPose, PoseSequence
from ..skeletons import BODY, FACE, FEET, PARTS
from .json_values import number_array, pixel_count
from .openpose_json import KEYS, MID_HIP

_BODY_OF_25 = (*range(MID_HIP), *range(MID_HIP + 1, 19))
_FEET_OF_25 = slice(19, 25)
_NORMALISED_LIMIT = 1.5  # a clip whose places mostly lie below 1.5 is not in pixels
_Triples = dict[str, NDArray[np.float64]]  # part -> (K, 3)


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
    read = read_frames(lambda: iter(listed), size=size)
    return PoseSequence(frames=tuple(read.frames), width=read.size[0], height=read.size[1], fps=fps)


@dataclass(frozen=True, kw_only=True)
class FramesRead:
    """Frames of a clip.

    Attributes:
        frames: The people of each.
        size: Width and height in pixels, (0, 0) where there are no frames that could say.
    """

    frames: list[People]
    size: tuple[int, int]


def read_frames(
    open_frames: Callable[[], Iterator[object]], *, size: tuple[int, int] | None = None
) -> FramesRead:
    """Read frames one at a time, so that only people are kept; see ``from_pose_keypoints``.

    Args:
        open_frames: Gives the frames from the first on; called anew where only the end tells how
            places are to be read (as fractions of the size, or of a size that some frames lack).
        size: Width and height in pixels, for files that do not hold them.

    Raises:
        InputError: As ``from_pose_keypoints`` says.
    """
    read = _Reading(size=size, normalised=False)
    frames = [read.people(frame, index) for index, frame in enumerate(open_frames())]
    whole = read.size_of_all()
    if 2 * read.small > read.seen or (read.unsized and whole != size):
        again = _Reading(size=whole, normalised=2 * read.small > read.seen)
        frames = [again.people(frame, index) for index, frame in enumerate(open_frames())]
    return FramesRead(frames=frames, size=whole)


@dataclass(kw_only=True)
class _Reading:
    """What is found out of a clip while its frames are read in one way.

    Attributes:
        size: Of frames that do not say.
        normalised: Read places as fractions of the size.
        sizes: What frames say.
        unsized: A frame did not say.
        small: Coordinates of seen points that hardly are pixels.
        seen: Coordinates of seen points.
    """

    size: tuple[int, int] | None
    normalised: bool
    sizes: set[tuple[int, int]] = field(default_factory=set)
    unsized: bool = False
    small: int = 0
    seen: int = 0

    def people(self, frame: object, index: int) -> People:
        checked = _frame(frame, index)
        named = _size_of(checked, index, self.size)
        if named is None:
            self.unsized = True
        else:
            self.sizes.add(named)
        width, height = named or self.size or (1, 1)
        scale = (1.0, 1.0) if self.normalised else (float(width), float(height))
        return tuple(
            _read_person(
                self._counted(_triples_of(person, f"frame {index}, person {number}")),
                scale,
                normalised=self.normalised,
            )
            for number, person in enumerate(_people(checked))
        )

    def size_of_all(self) -> tuple[int, int]:
        if len(self.sizes) > 1:
            raise InputError(
                f"all frames must have one size, got {sorted(self.sizes)[:3]}; split the clip"
            )
        if self.sizes:
            return next(iter(self.sizes))
        if self.size is None:
            raise InputError("there are no frames; give one at least")
        return self.size

    def _counted(self, person: _Triples) -> _Triples:
        for points in person.values():
            places = np.abs(points[points[:, 2] > 0, :2])
            self.small += int((places <= _NORMALISED_LIMIT).sum())
            self.seen += places.size
        return person


def _frame(frame: object, index: int) -> Mapping[str, object]:
    if not isinstance(frame, Mapping):
        raise InputError(f"frame {index} must be an object with people, got {type(frame).__name__}")
    if "animals" in frame or frame.get("version") == "ap10k":
        raise InputError(
            f"frame {index} holds animals (AP-10K); MagicPose draws people: "
            "detect with OpenPose, DWPose or SDPose instead"
        )
    if not isinstance(frame.get("people"), list):
        shown = one_line(str(sorted(map(str, frame))))
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
    frame: Mapping[str, object], index: int, size: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Return what a frame says of its size, None where it does not and ``size`` is known."""
    width, height = frame.get("canvas_width"), frame.get("canvas_height")
    if width is not None and height is not None:
        where = f"frame {index}: canvas"
        return pixel_count(width, f"{where}_width"), pixel_count(height, f"{where}_height")
    if size is None:
        raise InputError(
            f"frame {index} does not say how large its picture was; set frame_size to "
            "that, width and height in pixels"
        )
    return None


def _triples_of(person: object, where: str) -> _Triples:
    """Return (K, 3) places and scores of each part that is there, feet of BODY_25 split off."""
    if not isinstance(person, Mapping):
        raise InputError(f"{where} must be an object, got {type(person).__name__}")
    triples = {
        part: _triples(person[key], f"{where}: {key}")
        for part, key in KEYS.items()
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
                f"{where}: {KEYS[part]} must have {len(PARTS[part])} points of (x, y, score), "
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


def _read_person(triples: _Triples, size: tuple[float, float], *, normalised: bool) -> PersonPose:
    parts = {}
    for part, points in triples.items():
        score = points[:, 2].clip(0, 1)  # CMU's own scores reach a little above 1
        if normalised and part != "body":
            # controlnet_aux's OpenPose marks hand and face points it did not find by -1 / size.
            score = score * (points[:, :2] >= 0).all(axis=1)
        seen = bool(score.any())
        parts[part] = (
            Keypoints.from_pixels(points[:, :2], score, *size)
            if seen
            else Keypoints.absent(len(score))
        )
    return PersonPose(**parts)


_SEVENTEEN = "; 17 points are COCO's order: read them as COCO"
