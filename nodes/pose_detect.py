"""Detect Poses: pictures -> keypoints, with a detector that the user chose and fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths
from comfy_api.latest import io
from torch import Tensor

from ..magicpose_core import images as core_images
from ..magicpose_core.pose.detectors.readiness import what_lacks
from ..magicpose_core.pose.detectors.settings import (
    DETECTORS,
    DetectorName,
    DetectorSettings,
    Device,
)
from ..magicpose_core.pose.keypoints import People, PoseSequence
from ..magicpose_core.video.reader import Frame
from . import bridge
from .sockets import POSE_CATEGORY, PoseKeypoint, node_id, search_aliases, setting_input


class DetectPoses(io.ComfyNode):
    """The people in each picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("DetectPoses"),
            display_name="Detect Poses",
            **search_aliases("DWPose", "OpenPose", "preprocessor"),
            category=POSE_CATEGORY,
            description=(
                "Finds body, hands and face of the people in each picture. The detectors' packages "
                "and weights are optional; an error says how to get them. Keypoints of other "
                "packs' detectors (DWPose, OpenPose, SDPose) are as welcome."
            ),
            inputs=[
                io.Image.Input("image", tooltip="A picture, or the frames of a video."),
                setting_input(
                    DetectorSettings,
                    "name",
                    name="detector",
                    extra_dict={"lacks": {name: _lacks(name) or "" for name in DETECTORS}},
                ),
                io.Boolean.Input(
                    "download",
                    default=False,
                    tooltip=(
                        "Whether missing weights are downloaded to models/magicpose/detectors "
                        "(350 to 510 MB). Otherwise the error names their addresses."
                    ),
                ),
                io.Boolean.Input(
                    "stabilise",
                    default=False,
                    tooltip=(
                        "Whether the camera's motion is taken out, by the background, so that a "
                        "pan makes nobody walk."
                    ),
                ),
            ],
            outputs=[PoseKeypoint.Output(display_name="poses", tooltip="One entry per frame")],
        )

    @classmethod
    def validate_inputs(cls, detector: DetectorName | None, download: bool | None) -> bool | str:
        if detector is None:  # another node says which
            return True
        if detector not in DETECTORS:
            return f"detector must be one of {', '.join(DETECTORS)}, got {detector}"
        return _lacks(detector, download=download is not False) or True

    @classmethod
    def execute(
        cls, image: Tensor, detector: DetectorName, download: bool, stabilise: bool = False
    ) -> io.NodeOutput:
        from ..magicpose_core.pose.camera import steady
        from ..magicpose_core.pose.detectors.open import open_detector

        pictures = bridge.to_pictures(image)
        settings = DetectorSettings(
            name=detector, weights=weight_folders(), download=download, device=_device()
        )
        progress = comfy.utils.ProgressBar(len(pictures))

        def detected() -> Iterator[tuple[Frame, People]]:
            with open_detector(settings) as opened:
                for picture in pictures:
                    comfy.model_management.throw_exception_if_processing_interrupted()
                    frame = core_images.to_uint8(picture[None])[0]
                    yield frame, opened.detect(frame)
                    progress.update(1)

        height, width = pictures.shape[-2:]
        frames = steady(detected()) if stabilise else (people for _, people in detected())
        found = PoseSequence(frames=tuple(frames), width=width, height=height)
        return io.NodeOutput(bridge.to_pose_keypoints(found))


def _lacks(detector: DetectorName, *, download: bool = False) -> str | None:
    """Say before a run what a detector lacks."""
    return what_lacks(DetectorSettings(name=detector, weights=weight_folders(), download=download))


def weight_folders() -> list[Path]:
    """List where detectors' weights may lie: our folder, then what controlnet_aux has fetched."""
    own = Path(folder_paths.models_dir) / "magicpose" / "detectors"
    packs = [Path(folder) for folder in folder_paths.get_folder_paths("custom_nodes")]
    fetched = [ckpts for pack in packs for ckpts in sorted(pack.glob("*controlnet_aux*/ckpts"))]
    return [own, *fetched]


def _device() -> Device:
    device: Device = comfy.model_management.get_torch_device().type
    return device if device in ("cpu", "cuda", "mps") else "auto"
