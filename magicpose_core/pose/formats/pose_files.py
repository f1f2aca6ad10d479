"""Pose files: one file per clip or one file per frame, in any format, told by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ...errors import InputError, one_line
from ...files import atomic_path, regular_file, write_text
from ...video.reader import natural_order
from ..keypoints import USUAL_FPS, PersonPose, PoseSequence
from .coco_json import from_coco_dataset, to_coco_dataset
from .json_values import frame_rate, number_array, pixel_count
from .mediapipe_holistic import from_holistic, to_holistic
from .openpose_json import COMPLETE, from_pose_keypoints, to_cmu_people, to_pose_keypoints

PoseFormat = Literal["pose_keypoint", "cmu", "coco", "mediapipe"]
POSE_FORMATS: tuple[PoseFormat, ...] = ("pose_keypoint", "cmu", "coco", "mediapipe")
_MEDIAPIPE = "mediapipe_holistic"


def read_poses(
    path: Path, *, size: tuple[int, int] | None = None, fps: float | None = None
) -> PoseSequence:
    """Read a pose file, or a folder with one JSON file per frame (in natural order).

    Args:
        path: POSE_KEYPOINT (a frame, a list of frames, or a clip with ``frames`` and ``fps``), CMU
            OpenPose, COCO or COCO-WholeBody annotations, or MediaPipe Holistic landmarks.
        size: Width and height in pixels for formats that do not hold them (CMU).
        fps: Frames per second; overrules the file's own, 30 where neither says.

    Raises:
        InputError: The file is absent, no JSON, or of another format; the message names it.
    """
    path = Path(path)
    value = _load_folder(path) if path.is_dir() else _load(path)
    try:
        sequence = _read_value(value, size, fps)
        if not sequence.frames:
            raise InputError("there are no frames; give one at least")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return sequence


def write_poses(path: Path, sequence: PoseSequence, format: PoseFormat = "pose_keypoint") -> None:
    """Write a sequence; ``cmu`` makes a folder with one file per frame, the others one file."""
    if format == "cmu":
        for index, people in enumerate(sequence.frames):
            value = to_cmu_people(people, sequence.width, sequence.height)
            write_text(Path(path) / f"{index:012d}_keypoints.json", json.dumps(value))
    elif format == "coco":
        write_text(path, json.dumps(to_coco_dataset(sequence)))
    elif format == "mediapipe":
        write_text(path, json.dumps(_to_mediapipe(sequence)))
    else:
        write_pose_clip(path, sequence)


def write_pose_clip(
    path: Path, sequence: PoseSequence, notes: Mapping[str, object] | None = None
) -> None:
    """Write POSE_KEYPOINT frames and their rate, frame by frame: as one value they fill memory.

    Args:
        path: The file.
        sequence: The clip.
        notes: Further entries beside ``fps`` and ``frames``.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f'{{"fps": {json.dumps(sequence.fps)}, "frames": [')
        for index, people in enumerate(sequence.frames):
            (frame,) = to_pose_keypoints(replace(sequence, frames=(people,)), COMPLETE)
            file.write((", " if index else "") + json.dumps(frame))
        file.write("]")
        for name, value in (notes or {}).items():
            file.write(f", {json.dumps(name)}: {json.dumps(value)}")
        file.write("}")


def _load_folder(folder: Path) -> list[object]:
    files = sorted(folder.glob("*.json"), key=natural_order)
    if not files:
        raise InputError(f"{folder} holds no .json files; name a folder with one per frame")
    return [_load(file) for file in files]


def _load(path: Path) -> object:
    try:
        value: object = json.loads(regular_file(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"no pose file is at {path}; check the path") from error
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is no JSON file or cut short ({one_line(str(error))}); give keypoints as "
            "JSON: magicpose detect finds them in videos and pictures"
        ) from error
    return value


def _read_value(value: object, size: tuple[int, int] | None, fps: float | None) -> PoseSequence:
    if not isinstance(value, Mapping):
        return from_pose_keypoints(value, size=size, fps=fps or USUAL_FPS)
    if "annotations" in value:
        return from_coco_dataset(value, fps=fps)
    rate = fps or frame_rate(value.get("fps"))
    if value.get("format") == _MEDIAPIPE:
        return _from_mediapipe(value, rate)
    return from_pose_keypoints(value.get("frames", value), size=size, fps=rate)


def _to_mediapipe(sequence: PoseSequence) -> dict[str, object]:
    return {
        "format": _MEDIAPIPE,
        "width": sequence.width,
        "height": sequence.height,
        "fps": sequence.fps,
        "frames": [
            [{k: v.tolist() for k, v in to_holistic(person).items()} for person in people]
            for people in sequence.frames
        ],
    }


def _from_mediapipe(value: Mapping[str, object], fps: float) -> PoseSequence:
    frames = value.get("frames")
    if not isinstance(frames, list) or not all(isinstance(people, list) for people in frames):
        raise InputError("MediaPipe landmarks need frames, each a list of people")
    return PoseSequence(
        frames=tuple(
            tuple(_holistic_person(person, f"frame {index}") for person in people)
            for index, people in enumerate(frames)
        ),
        width=pixel_count(value.get("width"), "width"),
        height=pixel_count(value.get("height"), "height"),
        fps=fps,
    )


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
