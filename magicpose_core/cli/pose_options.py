"""Options that commands around poses share: the detector, the person, smoothing, drawing."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from ..errors import InputError
from ..pose.cleanup.settings import PersonChoice, SmoothSettings
from ..pose.detectors.settings import DetectorSettings
from ..pose.draw_style import DrawStyle
from .setting_options import Names, add_settings, option_names, read_settings, refuse_idle
from .terminal import complain

if TYPE_CHECKING:
    from ..pose.detectors.detector import PoseDetector

_DETECTOR: Names = {"name": "detector", "weights": "detector_weights", "device": "detector_device"}
_SMOOTH: Names = {
    "window": "smooth_window",
    "cutoff": "smooth_cutoff",
    "speed_gain": "smooth_speed_gain",
}
OF_ALL = ("score_threshold",)  # one option for drawing, smoothing and alignment
SMOOTHING = tuple(option_names(SmoothSettings, _SMOOTH, OF_ALL))


def add_detector_options(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    """Add the options that :func:`detector` reads; ``default`` is the detector that is taken."""
    group = parser.add_argument_group("detector")
    add_settings(group, DetectorSettings, names=_DETECTOR, defaults={"name": default})


def add_person_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`person` and :func:`smoothing` read."""
    group = parser.add_argument_group("clean-up")
    group.add_argument(
        "--person",
        metavar="WHO",
        help="tracked, largest, index:N, left:N, or all (default: tracked)",
    )
    group.add_argument(
        "--smooth",
        action="store_true",
        default=None,
        help="repair swapped sides, jumps and short gaps, and smooth",
    )
    add_settings(group, SmoothSettings, names=_SMOOTH, leave_out=OF_ALL)


def add_drawing_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`drawing` reads."""
    add_settings(parser.add_argument_group("drawing"), DrawStyle)


def detector(arguments: argparse.Namespace) -> DetectorSettings | None:
    """Return the chosen detector, None when none is."""
    if arguments.detector is None:
        idle = [name for name in option_names(DetectorSettings, _DETECTOR) if name != "detector"]
        refuse_idle(arguments, idle, where="without --detector")
        return None
    return read_settings(arguments, DetectorSettings, _DETECTOR)


def person(arguments: argparse.Namespace) -> PersonChoice | None:
    """Return who is followed, None for everybody."""
    if arguments.person is None:
        return PersonChoice()
    if arguments.person == "all":
        return None
    try:
        return PersonChoice.parse(arguments.person)
    except InputError as error:
        raise InputError(
            f"--person must be tracked, largest, index:N, left:N or all, got {arguments.person!r}"
        ) from error


def smoothing(arguments: argparse.Namespace) -> SmoothSettings | None:
    """Return how keypoints are cleaned up, None when they are left as they are."""
    if not arguments.smooth:
        refuse_idle(arguments, SMOOTHING, where="without --smooth")
        return None
    return read_settings(arguments, SmoothSettings, _SMOOTH)


def drawing(arguments: argparse.Namespace) -> DrawStyle:
    """Return how maps are drawn."""
    return read_settings(arguments, DrawStyle)


def frame_size(text: str | None) -> tuple[int, int] | None:
    """Read 1080x1920 as (width, height) in pixels, None as None.

    Raises:
        InputError: It is something else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", text.strip())
    if not found or not int(found[1]) or not int(found[2]):
        raise InputError(f"a frame size is 1080x1920 (width x height in pixels), got {text!r}")
    return int(found[1]), int(found[2])


def say_what_runs(opened: PoseDetector) -> None:
    """Tell on stderr what the detector runs on."""
    complain(f"magicpose: detecting with {opened.runs_on}")
