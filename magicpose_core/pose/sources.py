"""Poses from wherever they are: maps, keypoints or a video, as pose maps one at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..clip_settings import Span
from ..errors import InputError
from ..video.reader import Frame, open_clip
from .cleanup.people import choose_person
from .cleanup.settings import PersonChoice, SmoothSettings
from .cleanup.smooth import smooth
from .detect import OnFrame, detect_sequence
from .detectors.detector import PoseDetector
from .detectors.settings import DetectorSettings
from .draw import draw_poses
from .draw_style import DrawStyle
from .formats.pose_files import read_poses
from .keypoints import PersonPose, PoseSequence
from .retarget.align import Alignment, align
from .retarget.settings import AlignSettings

SourceKind = Literal["maps", "keypoints", "video"]
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
    """What is done to keypoints before they are drawn; pose maps cannot be changed any more.

    Attributes:
        person: Who is drawn; None draws everybody.
        smooth: Clean-up along time, or None.
        align: The person to align to, or None.
        style: How maps are drawn.
        span: Which frames.
        size: Width and height in pixels for keypoint files that do not say (CMU's).
    """

    person: PersonChoice | None = field(default_factory=PersonChoice)
    smooth: SmoothSettings | None = None
    align: AlignTarget | None = None
    style: DrawStyle = field(default_factory=DrawStyle)
    span: Span = field(default_factory=Span)
    size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class OpenedPoses:
    """Pose maps that can be read once.

    Attributes:
        kind: ``maps`` were there already; ``keypoints`` of a file or of a ``video`` are drawn.
        width: Of the maps in pixels.
        height: Of the maps in pixels.
        fps: Frames per second, None where nobody says.
        count: Number of maps, None where a video does not say.
        maps: (H, W, 3) uint8 RGB each, made when it is asked for.
        alignment: What alignment did, None without.
    """

    kind: SourceKind
    width: int
    height: int
    fps: float | None
    count: int | None
    maps: Iterator[Frame]
    alignment: Alignment | None = None


def source_kind(path: Path, detector: DetectorSettings | None) -> SourceKind:
    """Tell what poses a path holds: pictures are maps unless a detector is to look at them."""
    json_folder = path.is_dir() and any(path.glob("*.json"))
    if path.suffix.lower() == ".json" or json_folder:
        return "keypoints"
    return "maps" if detector is None else "video"


@contextlib.contextmanager
def open_pose_maps(
    path: Path,
    *,
    detector: DetectorSettings | None = None,
    options: PoseOptions | None = None,
    on_open: Callable[[PoseDetector], None] | None = None,
    on_frame: OnFrame | None = None,
) -> Iterator[OpenedPoses]:
    """Open poses of any kind as pose maps. Images are never held but one at a time.

    Args:
        path: Folder of maps, one map, video of maps; keypoint file or folder of them; or, with a
            detector, video or folder of pictures of people.
        detector: Finds the people in ``path``.
        options: Defaults when None.
        on_open: Told of the detector when it is loaded.
        on_frame: Told of every frame in which people were looked for (see ``detect``).

    Raises:
        InputError: Nothing readable is there; pictures are no maps and no detector is given; maps
            are to be smoothed or aligned; or nobody is found in any frame.
    """
    path, options = Path(path), options or PoseOptions()
    kind = source_kind(path, detector)
    if kind == "maps":
        with _open_maps(path, options) as maps:
            yield maps
        return
    if kind == "keypoints":
        sequence = _cut(read_poses(path, size=options.size), path, options.span)
        if not any(sequence.frames):
            raise InputError(
                f"{path} shows nobody in the chosen frames ({len(sequence)}); choose others, or "
                "detect people anew with magicpose detect"
            )
    else:
        assert detector is not None
        sequence = detect_sequence(
            path, detector, span=options.span, on_open=on_open, on_frame=on_frame
        )
    sequence, alignment = prepare(sequence, options)
    yield OpenedPoses(
        kind=kind,
        width=sequence.width,
        height=sequence.height,
        fps=sequence.fps,
        count=len(sequence),
        maps=draw_sequence(sequence, options.style),
        alignment=alignment,
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
    """Draw the maps of a clip one at a time, (H, W, 3) uint8 RGB."""
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


@contextlib.contextmanager
def _open_maps(path: Path, options: PoseOptions) -> Iterator[OpenedPoses]:
    if options.smooth is not None or options.align is not None:
        raise InputError(
            f"{path} holds pictures; pose maps are drawings and cannot be aligned or smoothed any "
            "more: give the keypoints that they were drawn from (.json), or name a detector if it "
            "is a video of a person"
        )
    span = options.span
    with open_clip(path, span) as clip:
        fps = None if clip.info.fps is None else float(clip.info.fps) / span.stride
        yield OpenedPoses(
            kind="maps",
            width=clip.info.width,
            height=clip.info.height,
            fps=fps,
            count=clip.info.frame_count,
            maps=_checked(clip.frames, path),
        )


def _checked(frames: Iterator[Frame], path: Path) -> Iterator[Frame]:
    for index, frame in enumerate(frames):
        if index == 0 and not looks_like_map(frame):
            raise InputError(
                f"{path} shows a picture, not a pose map (drawn on black): name a detector that "
                "finds the person in it"
            )
        yield frame


def _cut(sequence: PoseSequence, path: Path, span: Span) -> PoseSequence:
    frames = sequence.frames[span.places]
    if not frames:
        raise InputError(
            f"{path} has {len(sequence)} frames, none in {span.start} to "
            f"{span.stop or 'the end'}; ask for earlier ones"
        )
    return replace(sequence, frames=frames, fps=sequence.fps / span.stride)
