"""Preview Poses: the poses moving over the picture, before anything is rendered."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy_api.latest import io
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..magicpose_core import images as core_images
from ..magicpose_core.files import atomic_path
from ..magicpose_core.pose.formats import pose_files
from ..magicpose_core.pose.keypoints import PoseSequence
from . import bridge
from .sockets import POSE_CATEGORY, PoseKeypoint, node_id, search_aliases

_MOST_FRAMES = 32  # of a longer clip as many, evenly spaced
_SIDE = 256  # pixels of the longer side


class PreviewPoses(io.ComfyNode):
    """Keypoints -> a moving picture on the node, and a file for the page."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("PreviewPoses"),
            display_name="Preview Poses",
            **search_aliases("overlay", "skeleton"),
            category=POSE_CATEGORY,
            description=(
                "Shows the poses moving over the person's picture, to see whether they fit before "
                "anything is rendered. The files lie in the temp folder."
            ),
            is_output_node=True,
            inputs=[
                PoseKeypoint.Input("poses", tooltip="One entry per frame, best from Align Poses."),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The person's picture, under the poses; left open: a file alone.",
                ),
                io.Float.Input(
                    "fps",
                    default=30.0,
                    min=0.01,
                    max=1000.0,
                    tooltip="Frames per second of the clip.",
                ),
            ],
        )

    @classmethod
    def execute(cls, poses: object, fps: float, image: Tensor | None = None) -> io.NodeOutput:
        sequence = bridge.to_pose_sequence(poses, fps=fps)
        path = _temp_path(".json")
        pose_files.write_poses(path, sequence)
        moving = {} if image is None else moving_picture(sequence, image)
        return io.NodeOutput(ui={**moving, "poses": [_entry(path.name)]})


def moving_picture(sequence: PoseSequence, image: Tensor | None) -> dict[str, object]:
    """Write a clip over a picture, or over black, into the temp folder; returns it for the node.

    Args:
        sequence: One frame or more.
        image: An IMAGE, of which the first is taken.
    """
    path = _temp_path(".webp")
    picture = torch.zeros(1, 3, 64, 64) if image is None else bridge.to_pictures(image)[:1]
    pictures = overlay_frames(sequence, picture)
    with atomic_path(path) as temporary:
        _write_webp(temporary, pictures, sequence.fps * len(pictures) / len(sequence))
    return {"images": [_entry(path.name)], "animated": (True,)}


def _temp_path(suffix: str) -> Path:
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"magicpose_{uuid.uuid4().hex}{suffix}"


def overlay_frames(sequence: PoseSequence, picture: Tensor) -> list[NDArray[np.uint8]]:
    """Draw frames of a clip, few and small, over a picture (1, 3, H, W) in [0, 1]."""
    from ..magicpose_core.pose.overlay import overlay_poses

    scale = _SIDE / max(sequence.width, sequence.height)
    height, width = (max(1, round(side * scale)) for side in (sequence.height, sequence.width))
    still = core_images.to_uint8(core_images.fit_size(picture, height, width))[0]
    count = len(sequence)
    shown = min(count, _MOST_FRAMES)
    progress = comfy.utils.ProgressBar(shown)
    frames = []
    for index in range(shown):
        comfy.model_management.throw_exception_if_processing_interrupted()
        frames.append(overlay_poses(still, sequence.frames[index * count // shown]))
        progress.update(1)
    return frames


def _write_webp(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(
        path,
        format="WEBP",
        save_all=True,
        append_images=others,
        duration=round(1000 / fps),
        loop=0,
        quality=80,
    )


def _entry(name: str) -> dict[str, str]:
    return {"filename": name, "subfolder": "", "type": "temp"}
