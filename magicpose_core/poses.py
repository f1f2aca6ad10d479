"""Poses in any form: read, found in pictures, smoothed, aligned, and drawn as maps of a clip.

``read_poses`` and ``detect_poses`` give a ``PoseSequence``; ``smooth_poses`` and ``align_poses``
take one and give one. ``prepare_poses`` does all of it in one call, for poses that are rendered.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias, Union, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .clip_settings import Fit, Span
from .errors import InputError
from .images import fit_size, from_uint8, to_uint8
from .pictures import Picture, Pictures, as_frames, read_picture
from .pose.cleanup.people import choose_person
from .pose.cleanup.settings import PersonChoice, SmoothSettings
from .pose.cleanup.smooth import smooth
from .pose.detect import OnFrame, detect_sequence
from .pose.detectors.detector import PoseDetector
from .pose.detectors.open import open_detector
from .pose.detectors.settings import DetectorName, DetectorSettings
from .pose.draw_style import DrawStyle
from .pose.formats import pose_files
from .pose.keypoints import PoseSequence
from .pose.retarget.align import Alignment, align
from .pose.retarget.settings import AlignSettings
from .pose.sources import (
    AlignTarget,
    PoseOptions,
    draw_sequence,
    looks_like_map,
    open_pose_maps,
    prepare,
    read_person,
    source_kind,
)
from .video.reader import Frame
from .video.spool import spool

PathLike: TypeAlias = Union[str, "os.PathLike[str]"]
Poses: TypeAlias = PathLike | PoseSequence | Sequence[Picture] | NDArray[Any] | Tensor
"""A file or folder of poses, a sequence of keypoints, or pose maps as pictures."""
OnOpen: TypeAlias = Callable[[PoseDetector], None]
_SAID = 8  # items of a list that the settings name


@dataclass(frozen=True, kw_only=True)
class PoseSettings:
    """What is done to poses before they are rendered; pose maps can only be cut.

    Attributes:
        detector: Finds people in a video, and in the picture that poses are aligned to; its name
            is enough. None reads what is there.
        person: Who is drawn; None draws everybody.
        smooth: Clean-up along time; None leaves the keypoints as they are.
        align: Gives the poses the bones and the place of the person in a picture; None does not.
        align_to: That person: their picture or a keypoint file; None takes the reference.
        style: How maps are drawn.
        span: Which frames.
        frame_size: (width, height) in pixels for keypoint files that do not say (CMU's).
    """

    detector: DetectorSettings | DetectorName | None = None
    person: PersonChoice | None = field(default_factory=PersonChoice)
    smooth: SmoothSettings | None = None
    align: AlignSettings | None = None
    align_to: Picture | None = None
    style: DrawStyle = field(default_factory=DrawStyle)
    span: Span = field(default_factory=Span)
    frame_size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class PreparedPoses:
    """Pose maps of a clip, ready to be rendered.

    Attributes:
        maps: (F, H, W, 3) uint8, on disk where they were made here.
        fps: Frames per second, None where nobody says.
        source: What they were made from, in words.
        settings: What was done to them.
        reads: Files and folders that they come from.
        alignment: What alignment did, None without.
    """

    maps: NDArray[np.uint8]
    fps: float | None
    source: str
    settings: PoseSettings
    reads: tuple[Path, ...] = ()
    alignment: Alignment | None = None


def read_poses(
    path: PathLike, *, frame_size: tuple[int, int] | None = None, fps: float | None = None
) -> PoseSequence:
    """Read keypoints from a file, or from a folder with a file for each frame.

    Args:
        path: POSE_KEYPOINT, OpenPose, COCO(-WholeBody) or MediaPipe JSON, told by its content.
        frame_size: (width, height) in pixels where the file does not say (CMU OpenPose).
        fps: Frames per second; overrules the file's own.

    Raises:
        InputError: It is absent, damaged or of another format.

    Example:
        >>> poses = read_poses("dance.json")
    """
    return pose_files.read_poses(Path(path), size=frame_size, fps=fps)


def detect_poses(
    pictures: PathLike,
    detector: DetectorSettings | DetectorName = "dwpose",
    *,
    person: PersonChoice | None = None,
    span: Span | None = None,
    on_frame: OnFrame | None = None,
) -> PoseSequence:
    """Find people in a video, a folder of pictures or one picture.

    Args:
        pictures: Its path.
        detector: Settings, or the name of a detector that needs none.
        person: Keep this person alone; None keeps everybody (``prepare_poses`` chooses later).
        span: Which frames; None takes all.
        on_frame: Told of each frame that is done.

    Raises:
        InputError: Nobody is found, or nothing can be read.
        MissingDependencyError: The detector's package or weights are absent.
    """
    settings = DetectorSettings(name=detector) if isinstance(detector, str) else detector
    found = detect_sequence(Path(pictures), settings, span=span, on_frame=on_frame)
    return found if person is None else choose_person(found, person)


def smooth_poses(poses: PoseSequence, settings: SmoothSettings | None = None) -> PoseSequence:
    """Repair swapped sides, jumps and short gaps of the person who is followed, and smooth."""
    return smooth(_one_person(poses), settings)


def align_poses(
    poses: PoseSequence,
    *,
    to: Picture,
    detector: DetectorSettings | DetectorName | None = None,
    settings: AlignSettings | None = None,
) -> PoseSequence:
    """Give poses the bones, face, hands and place of the person in a picture.

    Args:
        poses: The driver; of several people the one who is followed.
        to: A picture of the person, in which the detector finds them, or a keypoint file.
        detector: Needed for pictures.
        settings: Defaults when None.

    Raises:
        InputError: Nobody is found, or a picture is given without a detector.
    """
    target = _read_target(to, _detector(detector), None, None)
    return align(_one_person(poses), target.person, target.size, settings).sequence


def prepare_poses(
    poses: Poses,
    settings: PoseSettings | None = None,
    *,
    size: tuple[int, int],
    fit: Fit = "crop",
    reference: Pictures | None = None,
    on_open: OnOpen | None = None,
    on_frame: OnFrame | None = None,
) -> PreparedPoses:
    """Make the pose maps of a clip, in any form that poses come in.

    Args:
        poses: Pose maps (a folder, a video, arrays, tensors, PIL images), keypoints (a file, a
            ``PoseSequence``), or with a detector a video of a person.
        settings: What is done to them; defaults when None.
        size: (width, height) of the maps in pixels.
        fit: How maps of another shape get there.
        reference: Whom keypoints are aligned to where the settings name nobody else.
        on_open: Told of the detector when it is loaded.
        on_frame: Told of each frame in which people were looked for.

    Raises:
        InputError: Nothing readable is there, or what is asked for cannot be done to it.
    """
    settings = settings or PoseSettings()
    if isinstance(poses, str | os.PathLike):
        prepared = _prepare_path(Path(poses), settings, size, fit, reference, on_open, on_frame)
    elif isinstance(poses, PoseSequence):
        prepared = _prepare_sequence(poses, settings, size, fit, reference, on_open)
    elif isinstance(poses, Sequence | np.ndarray | Tensor):
        _refuse_maps(True, "poses", settings)
        maps = _maps_in_memory(poses, settings.span, size, fit)
        prepared = PreparedPoses(
            maps=maps, fps=None, source=in_words(poses), settings=settings, reads=paths_in(poses)
        )
    else:
        raise InputError(
            "poses must be a path, a PoseSequence, or pose maps as arrays, tensors or PIL images, "
            f"got {type(poses).__name__}"
        )
    return replace(prepared, reads=(*prepared.reads, *paths_in(settings.align_to)))


def _prepare_path(
    path: Path,
    settings: PoseSettings,
    size: tuple[int, int],
    fit: Fit,
    reference: Pictures | None,
    on_open: OnOpen | None,
    on_frame: OnFrame | None,
) -> PreparedPoses:
    detector = _detector(settings.detector)
    _refuse_maps(source_kind(path, detector) == "maps", str(path), settings)
    options = _options(settings, detector, reference, on_open)
    with open_pose_maps(
        path, detector=detector, options=options, on_open=on_open, on_frame=on_frame
    ) as opened:
        return PreparedPoses(
            maps=spool(_fitted(opened.maps, size, fit)),
            fps=opened.fps,
            source=str(path),
            settings=settings,
            reads=(path,),
            alignment=opened.alignment,
        )


def _prepare_sequence(
    poses: PoseSequence,
    settings: PoseSettings,
    size: tuple[int, int],
    fit: Fit,
    reference: Pictures | None,
    on_open: OnOpen | None,
) -> PreparedPoses:
    options = _options(settings, _detector(settings.detector), reference, on_open)
    sequence, alignment = prepare(_cut(poses, settings.span), options)
    return PreparedPoses(
        maps=spool(_fitted(draw_sequence(sequence, settings.style), size, fit)),
        fps=sequence.fps,
        source=in_words(poses),
        settings=settings,
        alignment=alignment,
    )


def _maps_in_memory(
    poses: Sequence[Picture] | NDArray[Any] | Tensor,
    span: Span,
    size: tuple[int, int],
    fit: Fit,
) -> NDArray[np.uint8]:
    if isinstance(poses, np.ndarray | Tensor) and poses.ndim != 4:
        raise InputError(
            "poses must be an array (F, H, W, 3) or a tensor (F, 3, H, W) of pose maps, got "
            f"{tuple(poses.shape)}"
        )
    chosen = poses[span.places]
    if len(chosen) == 0:
        raise InputError(f"poses holds {len(poses)} pose maps, none in the chosen frames")
    first = next(as_frames(chosen[:1], "poses"))
    if not looks_like_map(first):
        raise InputError(
            "poses holds a picture, not a pose map (drawn on black): find the person in it with "
            "detect_poses"
        )
    if isinstance(chosen, np.ndarray) and chosen.dtype == np.uint8 and first.shape[1::-1] == size:
        return chosen
    return spool(_fitted(as_frames(chosen, "poses"), size, fit))


def _refuse_maps(are_maps: bool, what: str, settings: PoseSettings) -> None:
    if are_maps and (settings.smooth is not None or settings.align is not None):
        raise InputError(
            f"{what} holds pictures; pose maps are drawings and cannot be aligned or smoothed any "
            "more: give the keypoints that they were drawn from (.json), or name a detector if it "
            "is a video of a person"
        )


def _options(
    settings: PoseSettings,
    detector: DetectorSettings | None,
    reference: Pictures | None,
    on_open: OnOpen | None,
) -> PoseOptions:
    target = None
    if settings.align is not None:
        source = _first(reference) if settings.align_to is None else settings.align_to
        if source is None:
            raise InputError("align needs align_to, the person to align to")
        found = _read_target(source, detector, settings.frame_size, on_open)
        target = replace(found, settings=settings.align)
    return PoseOptions(
        person=settings.person,
        smooth=settings.smooth,
        align=target,
        style=settings.style,
        span=settings.span,
        size=settings.frame_size,
    )


def _read_target(
    source: Picture,
    detector: DetectorSettings | None,
    frame_size: tuple[int, int] | None,
    on_open: OnOpen | None,
) -> AlignTarget:
    if isinstance(source, str | os.PathLike):
        person, size = read_person(Path(source), detector, size=frame_size, on_open=on_open)
        return AlignTarget(person=person, size=size)
    if detector is None:
        raise InputError(
            "the person to align to is a picture: name a detector that finds them in it, or give "
            "a keypoint file (.json)"
        )
    frame = to_uint8(read_picture(source, "the picture to align to"))[0]
    with open_detector(detector) as opened:
        if on_open is not None:
            on_open(opened)
        people = opened.detect(frame)
    height, width = frame.shape[:2]
    seen = PoseSequence(frames=(tuple(people),), width=width, height=height)
    chosen = choose_person(seen, PersonChoice(rule="largest")).frames[0]
    if not chosen:
        raise InputError("no person is found in the picture to align to; try another detector")
    return AlignTarget(person=chosen[0], size=(width, height))


def _fitted(frames: Iterable[Frame], size: tuple[int, int], fit: Fit) -> Iterator[Frame]:
    width, height = size
    for frame in frames:
        if frame.shape[1::-1] == size:
            yield frame
        else:
            yield to_uint8(fit_size(from_uint8(frame), height, width, fit))[0]


def _cut(sequence: PoseSequence, span: Span) -> PoseSequence:
    frames = sequence.frames[span.places]
    if not any(frames):
        raise InputError(f"poses shows nobody in the chosen frames, of {len(sequence)} in all")
    return replace(sequence, frames=frames, fps=sequence.fps / span.stride)


def _one_person(poses: PoseSequence) -> PoseSequence:
    several = any(len(people) > 1 for people in poses.frames)
    return choose_person(poses, PersonChoice()) if several else poses


def _first(pictures: Pictures | None) -> Picture | None:
    return cast("Picture | None", pictures[0] if isinstance(pictures, list | tuple) else pictures)


def _detector(given: DetectorSettings | DetectorName | None) -> DetectorSettings | None:
    return DetectorSettings(name=given) if isinstance(given, str) else given


def in_words(given: object) -> str:
    """Say what was given, for the settings beside a clip."""
    if isinstance(given, str | os.PathLike):
        return str(given)
    if isinstance(given, PoseSequence):
        return f"{len(given)} frames of keypoints"
    if isinstance(given, np.ndarray | Tensor):
        return f"{type(given).__name__} {tuple(given.shape)} {given.dtype}"
    if isinstance(given, Sequence):
        return f"[{', '.join(map(in_words, given[:_SAID]))}{', ...' if len(given) > _SAID else ''}]"
    return type(given).__name__


def paths_in(given: object) -> tuple[Path, ...]:
    """List the files and folders among what was given."""
    if isinstance(given, str | os.PathLike):
        return (Path(given),)
    if isinstance(given, list | tuple):
        return tuple(path for each in given for path in paths_in(each))
    return ()
