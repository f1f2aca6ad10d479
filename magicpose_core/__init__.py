"""MagicPose: one picture of a person and a sequence of poses -> the same person in those poses.

    from magicpose_core import load_pipeline, read_poses

    pipeline = load_pipeline("magicpose.safetensors")
    clip = pipeline.render("person.png", read_poses("dance.json"))
    clip.save("clip.mp4")

Names are loaded when they are first used: importing the package loads nothing heavy.
"""

import importlib
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from .clip import RenderedClip
    from .clip_settings import Span
    from .errors import (
        CheckpointError,
        InputError,
        MagicPoseError,
        MissingDependencyError,
        NotFiniteError,
        OutOfMemoryError,
        OutputError,
        RunError,
    )
    from .pipeline import MagicPosePipeline
    from .pipeline_loading import load_pipeline
    from .pose.cleanup.settings import PersonChoice, SmoothSettings
    from .pose.detectors.settings import DetectorSettings
    from .pose.draw_style import DrawStyle
    from .pose.formats.pose_files import write_poses
    from .pose.keypoints import Keypoints, PersonPose, PoseSequence
    from .pose.retarget.settings import AlignSettings
    from .pose_steps import align_poses, detect_poses, read_poses, smooth_poses
    from .poses import PoseSettings, PreparedPoses, prepare_poses
    from .sampling.denoise import SamplingStep
    from .sampling.settings import SamplingSettings
    from .weights.settings import LoraFile, ModelFiles

__all__ = [
    "AlignSettings",
    "CheckpointError",
    "DetectorSettings",
    "DrawStyle",
    "InputError",
    "Keypoints",
    "LoraFile",
    "MagicPoseError",
    "MagicPosePipeline",
    "MissingDependencyError",
    "ModelFiles",
    "NotFiniteError",
    "OutOfMemoryError",
    "OutputError",
    "PersonChoice",
    "PersonPose",
    "PoseSequence",
    "PoseSettings",
    "PreparedPoses",
    "RenderedClip",
    "RunError",
    "SamplingSettings",
    "SamplingStep",
    "SmoothSettings",
    "Span",
    "__version__",
    "align_poses",
    "detect_poses",
    "load_pipeline",
    "prepare_poses",
    "read_poses",
    "smooth_poses",
    "write_poses",
]

_HOMES = {
    "clip": ("RenderedClip",),
    "clip_settings": ("Span",),
    "errors": (
        "CheckpointError",
        "InputError",
        "MagicPoseError",
        "MissingDependencyError",
        "NotFiniteError",
        "OutOfMemoryError",
        "OutputError",
        "RunError",
    ),
    "pipeline": ("MagicPosePipeline",),
    "pipeline_loading": ("load_pipeline",),
    "pose.cleanup.settings": ("PersonChoice", "SmoothSettings"),
    "pose.detectors.settings": ("DetectorSettings",),
    "pose.draw_style": ("DrawStyle",),
    "pose.formats.pose_files": ("write_poses",),
    "pose.keypoints": ("Keypoints", "PersonPose", "PoseSequence"),
    "pose.retarget.settings": ("AlignSettings",),
    "pose_steps": ("align_poses", "detect_poses", "read_poses", "smooth_poses"),
    "poses": ("PoseSettings", "PreparedPoses", "prepare_poses"),
    "sampling.denoise": ("SamplingStep",),
    "sampling.settings": ("SamplingSettings",),
    "weights.settings": ("LoraFile", "ModelFiles"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
