"""Poses in any form -> the pose maps of a clip, in one call; ``pose_steps`` has each step alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .clip_settings import Fit, Span
from .errors import InputError
from .images import fit_size, from_uint8, to_uint8
from .pictures import Picture, Pictures, as_frames
from .pose.cleanup.settings import PersonChoice, SmoothSettings
from .pose.detect import OnFrame
from .pose.detectors.settings import DetectorName, DetectorSettings
from .pose.draw_style import DrawStyle
from .pose.keypoints import PoseSequence
from .pose.retarget.align import Alignment
from .pose.retarget.settings import AlignSettings
from .pose.sources import (
    AlignTarget,
    PoseOptions,
    cut_sequence,
    draw_sequence,
    looks_like_map,
    open_maps,
    prepare,
    read_sequence,
    refuse_changed_maps,
    source_kind,
)
from .pose_steps import OnOpen, PathLike, named_detector, read_target
from .video.reader import Frame
from .video.spool import spool

Poses: TypeAlias = PathLike | PoseSequence | Sequence[Picture] | NDArray[Any] | Tensor
"""A file or folder of poses, a sequence of keypoints, or pose maps as pictures."""
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
        target = _target(settings, reference, on_open)
        cut = cut_sequence(poses, settings.span, "poses")
        prepared = replace(_drawn(cut, settings, target, size, fit), source=in_words(poses))
    elif isinstance(poses, Sequence | np.ndarray | Tensor):
        refuse_changed_maps("poses", (settings.smooth, settings.align))
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
    detector = named_detector(settings.detector)
    if source_kind(path, detector) == "maps":
        refuse_changed_maps(str(path), (settings.smooth, settings.align))
        with open_maps(path, settings.span) as opened:
            maps = spool(_fitted(opened.maps, size, fit))
        return PreparedPoses(
            maps=maps, fps=opened.fps, source=str(path), settings=settings, reads=(path,)
        )
    target = _target(settings, reference, on_open)  # before the clip, which may take long
    sequence = read_sequence(
        path,
        detector,
        span=settings.span,
        frame_size=settings.frame_size,
        on_open=on_open,
        on_frame=on_frame,
    )
    return replace(_drawn(sequence, settings, target, size, fit), source=str(path), reads=(path,))


def _drawn(
    sequence: PoseSequence,
    settings: PoseSettings,
    target: AlignTarget | None,
    size: tuple[int, int],
    fit: Fit,
) -> PreparedPoses:
    options = PoseOptions(person=settings.person, smooth=settings.smooth, align=target)
    prepared, alignment = prepare(sequence, options)
    return PreparedPoses(
        maps=spool(_fitted(draw_sequence(prepared, settings.style), size, fit)),
        fps=prepared.fps,
        source=in_words(sequence),
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


def _target(
    settings: PoseSettings, reference: Pictures | None, on_open: OnOpen | None
) -> AlignTarget | None:
    if settings.align is None:
        return None
    source = _first(reference) if settings.align_to is None else settings.align_to
    if source is None:
        raise InputError("align needs align_to, the person to align to")
    detector = named_detector(settings.detector)
    found = read_target(source, detector, frame_size=settings.frame_size, on_open=on_open)
    return replace(found, settings=settings.align)


def _fitted(frames: Iterable[Frame], size: tuple[int, int], fit: Fit) -> Iterator[Frame]:
    width, height = size
    for frame in frames:
        if frame.shape[1::-1] == size:
            yield frame
        else:
            yield to_uint8(fit_size(from_uint8(frame), height, width, fit))[0]


def _first(pictures: Pictures | None) -> Picture | None:
    return cast("Picture | None", pictures[0] if isinstance(pictures, list | tuple) else pictures)


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
