"""Poses from wherever they are: maps, keypoint files, or people who are found in a video."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..clip_settings import Span
from ..errors import InputError
from ..files import regular_file
from ..video.reader import Frame, open_clip
from .cleanup.people import choose_person
from .cleanup.settings import PersonChoice, SmoothSettings
from .cleanup.smooth import smooth
from .detect import OnFrame, detect_sequence
from .detectors.detector import PoseDetector
from .detectors.settings import DetectorSettings
from .draw import draw_poses, size_warning
from .draw_style import DrawStyle
from .formats.pose_files import read_poses
from .keypoints import PersonPose, PoseSequence
from .retarget.align import Alignment, align
from .retarget.settings import AlignSettings

SourceKind = Literal["maps", "keypoints", "video"]
_LOG = logging.getLogger("magicpose")
_DARK, _MOSTLY = 16, 0.5  # a pose map is black over more than half of it


@dataclass(frozen=True, kw_only=True)
class AlignTarget:
    """The person to align to, and the size of their picture.

    Attributes:
        person: In the picture.
        size: Width and height of the picture in pixels.
        settings: How.
    """

    person: PersonPose
    size: tuple[int, int]
    settings: AlignSettings = field(default_factory=AlignSettings)


@dataclass(frozen=True, kw_only=True)
class PoseOptions:
    """What is done to keypoints before they are drawn.

    Attributes:
        person: Who is drawn; None draws everybody.
        smooth: Clean-up along time, or None.
        align: The person to align to, or None.
    """

    person: PersonChoice | None = field(default_factory=PersonChoice)
    smooth: SmoothSettings | None = None
    align: AlignTarget | None = None


@dataclass(frozen=True, kw_only=True)
class OpenedMaps:
    """Pose maps that can be read once.

    Attributes:
        fps: Frames per second, None where nobody says.
        count: Number of maps, None where a video does not say.
        maps: (H, W, 3) uint8 RGB each, read when it is asked for.
    """

    fps: float | None
    count: int | None
    maps: Iterator[Frame]


def source_kind(path: Path, detector: DetectorSettings | None) -> SourceKind:
    """Tell what poses a path holds: pictures are maps unless a detector is to look at them.

    Raises:
        InputError: It may not be read, or is neither a file nor a folder.
    """
    json_folder = regular_file(path).is_dir() and any(path.glob("*.json"))
    if path.suffix.lower() == ".json" or json_folder:
        return "keypoints"
    return "maps" if detector is None else "video"


@contextlib.contextmanager
def open_maps(path: Path, span: Span | None = None) -> Iterator[OpenedMaps]:
    """Open pose maps; one at a time is in memory.

    Args:
        path: Folder of maps, one map, or video of maps.
        span: Which of them; None takes all.

    Raises:
        InputError: Nothing readable is there; with the first map, that it is a picture.
    """
    span = span or Span()
    with open_clip(path, span) as clip:
        fps = None if clip.info.fps is None else float(clip.info.fps) / span.stride
        yield OpenedMaps(fps=fps, count=clip.info.frame_count, maps=_checked(clip.frames, path))


def read_sequence(
    path: Path,
    detector: DetectorSettings | None = None,
    *,
    span: Span | None = None,
    frame_size: tuple[int, int] | None = None,
    on_open: Callable[[PoseDetector], None] | None = None,
    on_frame: OnFrame | None = None,
) -> PoseSequence:
    """Read keypoints from a file or folder of them, or find people in a video or in pictures.

    Args:
        path: What ``source_kind`` says is keypoints, or a video.
        detector: Finds the people in a video or in pictures.
        span: Which frames; None takes all.
        frame_size: (width, height) in pixels for keypoint files that do not say (CMU's).
        on_open: Told of the detector when it is loaded.
        on_frame: Told of every frame in which people were looked for (see ``detect``).

    Raises:
        InputError: Nothing readable is there, or nobody is in any frame.
    """
    if detector is None or source_kind(path, detector) == "keypoints":
        return cut_sequence(read_poses(path, size=frame_size), span or Span(), str(path))
    return detect_sequence(path, detector, span=span, on_open=on_open, on_frame=on_frame)


def cut_sequence(sequence: PoseSequence, span: Span, what: str) -> PoseSequence:
    """Take some frames of keypoints; ``what`` names them in errors.

    Raises:
        InputError: None are left, or they show nobody.
    """
    frames = sequence.frames[span.places]
    if not frames:
        raise InputError(
            f"{what} has {len(sequence)} frames, none in {span.start} to "
            f"{span.stop or 'the end'}; ask for earlier ones"
        )
    if not any(frames):
        raise InputError(
            f"{what} shows nobody in the chosen frames ({len(frames)}); choose others, or detect "
            "people anew with magicpose detect"
        )
    return replace(sequence, frames=frames, fps=sequence.fps / span.stride)


def refuse_changed_maps(what: str, changes: Sequence[object]) -> None:
    """Refuse to smooth or align drawings; ``what`` names them.

    Raises:
        InputError: One of the changes is not None.
    """
    if any(change is not None for change in changes):
        raise InputError(
            f"{what} holds pictures; pose maps are drawings and cannot be aligned or smoothed any "
            "more: give the keypoints that they were drawn from (.json), or name a detector if it "
            "is a video of a person"
        )


def prepare(sequence: PoseSequence, options: PoseOptions) -> tuple[PoseSequence, Alignment | None]:
    """Choose the person, smooth and align, in this order, as far as the options ask for it.

    Raises:
        InputError: No frame shows the chosen person, or as in ``align``.
    """
    if options.person is not None:
        sequence = choose_person(sequence, options.person)
        if not any(sequence.frames):
            raise InputError(
                f"no frame shows the person {options.person}; choose another one, or the largest"
            )
    if options.smooth is not None:
        sequence = smooth(sequence, options.smooth)
    if options.align is None:
        return sequence, None
    target = options.align
    alignment = align(sequence, target.person, target.size, target.settings)
    return alignment.sequence, alignment


def draw_sequence(sequence: PoseSequence, style: DrawStyle | None = None) -> Iterator[Frame]:
    """Draw the maps of a clip one at a time, (H, W, 3) uint8 RGB; warn where they are small."""
    small = size_warning(sequence.height, sequence.width, style or DrawStyle())
    if small:
        _LOG.warning("%s", small)
    for people in sequence.frames:
        yield draw_poses(people, sequence.height, sequence.width, style)


def read_person(
    path: Path,
    detector: DetectorSettings | None = None,
    *,
    size: tuple[int, int] | None = None,
    on_open: Callable[[PoseDetector], None] | None = None,
) -> tuple[PersonPose, tuple[int, int]]:
    """Read the person to align to, from a keypoint file or by a detector from a picture.

    Args:
        path: The file; of several people the largest in the first frame that shows any is taken.
        detector: For pictures.
        size: For keypoint files that do not say.
        on_open: Told of the detector when it is loaded.

    Returns:
        The person, and width and height of their picture in pixels.

    Raises:
        InputError: Nothing is there, nobody is found, or a picture is given without a detector.
    """
    if not path.exists():
        raise InputError(f"nothing is at {path}; check the path")
    if source_kind(path, None) == "keypoints":
        sequence = read_poses(path, size=size)
    elif detector is None:
        raise InputError(
            f"{path} is a picture: name a detector that finds the person in it, or give a "
            "keypoint file (.json)"
        )
    else:
        sequence = detect_sequence(path, detector, on_open=on_open)
    chosen = choose_person(sequence, PersonChoice(rule="largest"))
    person = next((people[0] for people in chosen.frames if people), None)
    if person is None:
        raise InputError(f"no person is found in {path}; try another picture or detector")
    return person, (sequence.width, sequence.height)


def looks_like_map(frame: NDArray[np.uint8]) -> bool:
    """Tell a pose map from a picture: more than half of it is black."""
    return float((frame.max(axis=-1) < _DARK).mean()) > _MOSTLY


def _checked(frames: Iterator[Frame], path: Path) -> Iterator[Frame]:
    for index, frame in enumerate(frames):
        if index == 0 and not looks_like_map(frame):
            raise InputError(
                f"{path} shows a picture, not a pose map (drawn on black): name a detector that "
                "finds the person in it"
            )
        yield frame
