"""Options that commands around poses share: the detector, the person, smoothing, drawing."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .terminal import complain

if TYPE_CHECKING:
    from ..pose.cleanup.settings import PersonChoice, SmoothSettings
    from ..pose.detectors.detector import PoseDetector
    from ..pose.detectors.settings import DetectorSettings
    from ..pose.draw_style import DrawStyle


def add_detector_options(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    """Add the options that :func:`detector` reads."""
    group = parser.add_argument_group("detector")
    group.add_argument(
        "--detector",
        choices=("openpose", "dwpose", "mediapipe"),
        default=default,
        help="who finds people in pictures: openpose as MagicPose was trained on, dwpose "
        "(onnxruntime), mediapipe (make pose-env); default: %(default)s",
    )
    group.add_argument(
        "--detector-weights",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder with the detector's weights, such as ComfyUI's models; may be repeated",
    )
    group.add_argument(
        "--download",
        action="store_true",
        help="fetch missing weights into the first --detector-weights folder",
    )
    group.add_argument(
        "--detector-device",
        choices=("auto", "cpu", "cuda", "mps", "coreml"),
        default="auto",
        help="where the detector runs (default: the fastest there is)",
    )


def add_person_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`person` and :func:`smoothing` read."""
    group = parser.add_argument_group("clean-up")
    group.add_argument(
        "--person",
        default="tracked",
        metavar="WHO",
        help="tracked, largest, index:N, left:N, or all (default: tracked)",
    )
    group.add_argument(
        "--smooth",
        action="store_true",
        help="repair swapped sides, jumps and short gaps, and smooth",
    )
    group.add_argument(
        "--filter",
        choices=("savitzky-golay", "one-euro", "none"),
        default="savitzky-golay",
        help="of --smooth; none repairs alone (default: savitzky-golay)",
    )


def add_drawing_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`drawing` reads."""
    group = parser.add_argument_group("drawing")
    for part in ("body", "hands", "face"):
        group.add_argument(f"--no-{part}", action="store_true", help=f"leave the {part} out")
    group.add_argument(
        "--score-threshold", type=float, default=0.3, help="leave out points below this score (0.3)"
    )
    group.add_argument(
        "--line-scale", type=float, default=1.0, help="factor on all widths; 1 as in training"
    )


def detector(arguments: argparse.Namespace) -> DetectorSettings | None:
    """Return the chosen detector, None when none is."""
    from ..pose.detectors.settings import DetectorSettings

    if arguments.detector is None:
        return None
    return DetectorSettings(
        name=arguments.detector,
        weights=tuple(arguments.detector_weights),
        download=arguments.download,
        device=arguments.detector_device,
    )


def person(arguments: argparse.Namespace) -> PersonChoice | None:
    """Return who is followed, None for everybody."""
    from ..pose.cleanup.settings import PersonChoice

    return None if arguments.person == "all" else PersonChoice.parse(arguments.person)


def smoothing(arguments: argparse.Namespace) -> SmoothSettings | None:
    """Return how keypoints are cleaned up, None when they are left as they are."""
    from ..pose.cleanup.settings import SmoothSettings

    return SmoothSettings(filter=arguments.filter) if arguments.smooth else None


def drawing(arguments: argparse.Namespace) -> DrawStyle:
    """Return how maps are drawn."""
    from ..pose.draw_style import DrawStyle

    return DrawStyle(
        body=not arguments.no_body,
        hands=not arguments.no_hands,
        face=not arguments.no_face,
        score_threshold=arguments.score_threshold,
        line_scale=arguments.line_scale,
    )


def frame_size(text: str | None) -> tuple[int, int] | None:
    """Read 1080x1920 as (width, height) in pixels, None as None.

    Raises:
        InputError: It is something else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text.strip())
    if not found or not int(found[1]) or not int(found[2]):
        raise InputError(f"a frame size is 1080x1920 (width x height in pixels), got {text!r}")
    return int(found[1]), int(found[2])


def say_what_runs(opened: PoseDetector) -> None:
    """Tell on stderr what the detector runs on."""
    complain(f"magicpose: detecting with {opened.runs_on}")
