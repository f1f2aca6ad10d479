"""Pose files: one file per clip or one file per frame, in any format, told by their content."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ...errors import InputError, one_line
from ...files import atomic_path, regular_file, write_text
from ...video.reader import natural_order
from ..keypoints import USUAL_FPS, People, PersonPose, PoseSequence
from .coco_json import coco_annotations, coco_head, from_coco_dataset
from .json_entries import read_entries, write_entries
from .json_values import frame_rate, number_array, pixel_count
from .magos_project import from_magos_project, is_magos_project
from .mediapipe_holistic import from_holistic, to_holistic
from .openpose_frames import read_frames
from .openpose_json import COMPLETE, to_cmu_people, to_pose_keypoints

PoseFormat = Literal["pose_keypoint", "cmu", "coco", "mediapipe"]
POSE_FORMATS: tuple[PoseFormat, ...] = ("pose_keypoint", "cmu", "coco", "mediapipe")
_MEDIAPIPE = "mediapipe_holistic"
_FRAMES, _ANNOTATIONS = "frames", "annotations"  # under which long lists stand


def read_poses(
    path: Path, *, size: tuple[int, int] | None = None, fps: float | None = None
) -> PoseSequence:
    """Read a pose file, or a folder with one JSON file per frame (in natural order).

    Args:
        path: POSE_KEYPOINT (a frame, a list of frames, or a clip with ``frames`` and ``fps``), CMU
            OpenPose, COCO or COCO-WholeBody annotations, MediaPipe Holistic landmarks, or pose
            editors' files: a collection of POSE_KEYPOINT frames by their names, or a project of
            Magos Nodes.
        size: Width and height in pixels for formats that do not hold them (CMU).
        fps: Frames per second; overrules the file's own, 30 where neither says.

    Raises:
        InputError: The file is absent, no JSON, or of another format; the message names it.
    """
    path = Path(path)
    try:
        sequence = _read_folder(path, size, fps) if path.is_dir() else _read_file(path, size, fps)
        if not sequence.frames:
            raise InputError("there are no frames; give one at least")
    except InputError as error:
        told = str(error)
        raise InputError(told if told.startswith(str(path)) else f"{path}: {told}") from error
    return sequence


def write_poses(path: Path, sequence: PoseSequence, format: PoseFormat = "pose_keypoint") -> None:
    """Write a sequence; ``cmu`` makes a folder with one file per frame, the others one file."""
    if format == "cmu":
        for index, people in enumerate(sequence.frames):
            value = to_cmu_people(people, sequence.width, sequence.height)
            write_text(Path(path) / f"{index:012d}_keypoints.json", json.dumps(value))
    elif format == "coco":
        _write_list(path, _ANNOTATIONS, coco_annotations(sequence), before=coco_head(sequence))
    elif format == "mediapipe":
        _write_list(path, _FRAMES, _holistic_frames(sequence), before=_holistic_head(sequence))
    else:
        write_pose_clip(path, sequence)


def write_pose_clip(
    path: Path, sequence: PoseSequence, notes: Mapping[str, object] | None = None
) -> None:
    """Write POSE_KEYPOINT frames and their rate.

    Args:
        path: The file.
        sequence: The clip.
        notes: Further entries beside ``fps`` and ``frames``.
    """
    frames = (
        to_pose_keypoints(replace(sequence, frames=(people,)), COMPLETE)[0]
        for people in sequence.frames
    )
    _write_list(path, _FRAMES, frames, before={"fps": sequence.fps}, after=notes)


def _write_list(
    path: Path,
    key: str,
    entries: Iterable[object],
    *,
    before: Mapping[str, object],
    after: Mapping[str, object] | None = None,
) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        write_entries(file, key, entries, before=before, after=after)


def _read_folder(folder: Path, size: tuple[int, int] | None, fps: float | None) -> PoseSequence:
    files = sorted(regular_file(folder).glob("*.json"), key=natural_order)
    if not files:
        raise InputError(f"{folder} holds no .json files; name a folder with one per frame")
    read = read_frames(lambda: map(_only_value, files), size=size)
    return PoseSequence(
        frames=tuple(read.frames), width=read.size[0], height=read.size[1], fps=fps or USUAL_FPS
    )


def _only_value(path: Path) -> object:
    others: dict[str, object] = {}
    entries = list(_entries(path, _FRAMES, others))
    return entries if entries or not others else others


def _read_file(path: Path, size: tuple[int, int] | None, fps: float | None) -> PoseSequence:
    """Read a file that holds a whole clip; its frames are in memory one at a time."""
    others: dict[str, object] = {}

    def frames() -> Iterator[object]:
        found = False
        for entry in _entries(path, _FRAMES, others):
            found = True
            yield entry
        if not isinstance(others.get(_FRAMES, []), list):
            yield others[_FRAMES]
        elif not found and others and _FRAMES not in others:
            yield from _frames_of(dict(others))

    first = next(frames(), None)
    if is_magos_project(others):
        return from_magos_project(others, fps=fps)
    if isinstance(first, Mapping) and _ANNOTATIONS in first:
        again = _entries(path, _ANNOTATIONS, {}) if first[_ANNOTATIONS] == [] else None
        return from_coco_dataset(first, annotations=again, fps=fps)
    if others.get("format") == _MEDIAPIPE or (_FRAMES in others and isinstance(first, list)):
        return _from_mediapipe(frames(), others, fps)
    read = read_frames(frames, size=size)
    return PoseSequence(
        frames=tuple(read.frames),
        width=read.size[0],
        height=read.size[1],
        fps=fps or frame_rate(others.get("fps")),
    )


def _frames_of(value: Mapping[str, object]) -> Iterable[object]:
    """Return a single frame, or the frames of a collection of poses by their names."""
    named = list(value.values())
    collection = named and all(isinstance(pose, Mapping) and "people" in pose for pose in named)
    return named if collection else [value]


def _entries(path: Path, key: str, others: dict[str, object]) -> Iterator[object]:
    """Give the entries of the list at the top or under ``key``; fill the rest into ``others``."""
    try:
        with regular_file(path).open(encoding="utf-8") as file:
            for name, entry in read_entries(file, (_FRAMES, _ANNOTATIONS), others):
                if name in ("", key):
                    yield entry
    except FileNotFoundError as error:
        raise InputError(f"no pose file is at {path}; check the path") from error
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is no JSON file or cut short ({one_line(str(error))}); give keypoints as "
            "JSON: magicpose detect finds them in videos and pictures"
        ) from error


def _holistic_head(sequence: PoseSequence) -> dict[str, object]:
    return {
        "format": _MEDIAPIPE,
        "width": sequence.width,
        "height": sequence.height,
        "fps": sequence.fps,
    }


def _holistic_frames(sequence: PoseSequence) -> Iterator[object]:
    for people in sequence.frames:
        yield [{k: v.tolist() for k, v in to_holistic(person).items()} for person in people]


def _from_mediapipe(
    frames: Iterable[object], others: Mapping[str, object], fps: float | None
) -> PoseSequence:
    return PoseSequence(
        frames=tuple(map(_holistic_people, frames, itertools.count())),  # fills others to the end
        width=pixel_count(others.get("width"), "width"),
        height=pixel_count(others.get("height"), "height"),
        fps=fps or frame_rate(others.get("fps")),
    )


def _holistic_people(people: object, index: int) -> People:
    if not isinstance(people, list):
        raise InputError("MediaPipe landmarks need frames, each a list of people")
    return tuple(_holistic_person(person, f"frame {index}") for person in people)


def _holistic_person(value: object, where: str) -> PersonPose:
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must list people as objects, got {type(value).__name__}")
    landmarks = {
        str(part): number_array(points, f"{where}: {part}")
        for part, points in value.items()
        if points
    }
    try:
        return from_holistic(landmarks)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
