"""What is done to poses, each step alone: read, find in pictures, smooth, align.

``prepare_poses`` does all of it in one call, for poses that are rendered.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, Union

from .clip_settings import Span
from .errors import InputError
from .images import to_uint8
from .pictures import Picture, read_picture
from .pose.cleanup.people import choose_person
from .pose.cleanup.settings import PersonChoice, SmoothSettings
from .pose.cleanup.smooth import smooth
from .pose.detect import OnFrame, detect_sequence
from .pose.detectors.detector import PoseDetector
from .pose.detectors.open import open_detector
from .pose.detectors.settings import DetectorName, DetectorSettings
from .pose.formats import pose_files
from .pose.keypoints import PoseSequence
from .pose.retarget.align import align
from .pose.retarget.settings import AlignSettings
from .pose.sources import AlignTarget, read_person

PathLike: TypeAlias = Union[str, "os.PathLike[str]"]
OnOpen: TypeAlias = Callable[[PoseDetector], None]


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
    settings = named_detector(detector)
    assert settings is not None
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
    target = read_target(to, named_detector(detector))
    return align(_one_person(poses), target.person, target.size, settings).sequence


def read_target(
    source: Picture,
    detector: DetectorSettings | None = None,
    *,
    frame_size: tuple[int, int] | None = None,
    on_open: OnOpen | None = None,
) -> AlignTarget:
    """Find the person to align to.

    Args:
        source: A picture of them, or a keypoint file.
        detector: Needed for pictures.
        frame_size: (width, height) in pixels for keypoint files that do not say.
        on_open: Told of the detector when it is loaded.

    Raises:
        InputError: Nobody is found, or a picture is given without a detector.
    """
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


def named_detector(
    given: DetectorSettings | DetectorName | None,
) -> DetectorSettings | None:
    """Make settings of a detector's name; settings stay as they are."""
    return DetectorSettings(name=given) if isinstance(given, str) else given


def _one_person(poses: PoseSequence) -> PoseSequence:
    several = any(len(people) > 1 for people in poses.frames)
    return choose_person(poses, PersonChoice()) if several else poses
