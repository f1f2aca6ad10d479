"""Which detector finds people; nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ...settings import Settings, setting

DetectorName = Literal["dwpose", "openpose", "mediapipe"]
DETECTORS: tuple[DetectorName, ...] = get_args(DetectorName)
Device = Literal["auto", "cpu", "cuda", "mps", "coreml"]


@dataclass(frozen=True, kw_only=True)
class DetectorSettings(Settings):
    """Which detector, where it takes its weights from, and whether the camera's motion counts."""

    name: DetectorName = setting(
        "dwpose",
        help="who finds people: dwpose whole body through onnxruntime; openpose what MagicPose "
        "was trained on, through controlnet-aux; mediapipe in an environment of its own",
    )
    weights: Sequence[Path] = setting(
        (), help="folders in which weight files are looked for, deeply, in this order"
    )
    download: bool = setting(False, help="fetch missing weight files into the first of the folders")
    device: Device = setting("auto", help="where it runs; auto takes the fastest there is")
    stabilise: bool = setting(
        False,
        help="take the camera's motion out of a clip, by the background: people are where the "
        "first frame's camera would see them",
    )
