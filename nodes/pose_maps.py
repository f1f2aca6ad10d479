"""Draw Poses, Load Poses, Save Poses: keypoints in and out of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import comfy.utils
import folder_paths
import torch
from comfy_api.latest import io, ui

from ..magicpose_core import images as core_images
from ..magicpose_core.clip_settings import ClipSettings, Fit
from ..magicpose_core.errors import InputError
from ..magicpose_core.models.sd15 import SIZE_MULTIPLE
from ..magicpose_core.pose.draw_style import DrawStyle
from ..magicpose_core.pose.formats import openpose_json, pose_files
from ..magicpose_core.pose.formats.face_landmarks import with_faces
from . import bridge, notices
from .sockets import POSE_CATEGORY, FaceLandmarks, PoseKeypoint, node_id, setting_input

_DIALECTS = {
    "scores": openpose_json.COMPLETE,
    "controlnet_aux": openpose_json.AUX_DWPOSE,
    "SDPose": openpose_json.CORE_SDPOSE,
}
_NO_FILE = "(put a pose file into the input folder)"


class DrawPoses(io.ComfyNode):
    """Keypoints -> pose maps."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("DrawPoses"),
            display_name="Draw Poses",
            category=POSE_CATEGORY,
            description=(
                "Draws body, hands and face as the maps that MagicPose was trained on: at the size "
                "of the pictures they were found in, then brought to the frames' size."
            ),
            inputs=[
                PoseKeypoint.Input("poses", tooltip="Of any detector; one entry per frame."),
                io.Int.Input(
                    "width",
                    default=512,
                    min=0,
                    max=4096,
                    step=SIZE_MULTIPLE,
                    tooltip="Width of the maps in pixels; 0 keeps the pictures' own size.",
                ),
                io.Int.Input(
                    "height",
                    default=512,
                    min=0,
                    max=4096,
                    step=SIZE_MULTIPLE,
                    tooltip="Height of the maps in pixels; 0 keeps the pictures' own size.",
                ),
                setting_input(ClipSettings, "fit"),
                setting_input(DrawStyle, "body"),
                setting_input(DrawStyle, "hands"),
                setting_input(DrawStyle, "face"),
                setting_input(DrawStyle, "score_threshold"),
                setting_input(DrawStyle, "line_scale", min=0.1, max=8.0, step=0.1),
            ],
            outputs=[
                io.Image.Output(display_name="pose_maps", tooltip="One map per frame, in [0, 1]")
            ],
        )

    @classmethod
    def execute(
        cls,
        poses: object,
        width: int,
        height: int,
        fit: Fit,
        body: bool,
        hands: bool,
        face: bool,
        score_threshold: float,
        line_scale: float,
    ) -> io.NodeOutput:
        from ..magicpose_core.pose.draw import draw_poses, size_warning

        style = DrawStyle(
            body=body,
            hands=hands,
            face=face,
            score_threshold=score_threshold,
            line_scale=line_scale,
        )
        sequence = bridge.to_pose_sequence(poses)
        small = size_warning(sequence.height, sequence.width, style)
        if small:
            notices.warn("%s", small)
        progress = comfy.utils.ProgressBar(len(sequence))
        maps = []
        for people in sequence.frames:
            drawn = core_images.from_uint8(
                draw_poses(people, sequence.height, sequence.width, style)
            )
            maps.append(
                core_images.fit_size(drawn, height or sequence.height, width or sequence.width, fit)
            )
            progress.update(1)
        return io.NodeOutput(bridge.to_image(torch.cat(maps)))


class LoadPoses(io.ComfyNode):
    """A pose file -> keypoints."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("LoadPoses"),
            display_name="Load Poses",
            category=POSE_CATEGORY,
            description=(
                "Reads a pose file from the input folder: POSE_KEYPOINT, OpenPose, COCO, "
                "COCO-WholeBody, MediaPipe Holistic, or a project of Magos Nodes, told by its "
                "content."
            ),
            inputs=[
                io.Combo.Input(
                    "file",
                    options=_pose_files() or [_NO_FILE],
                    tooltip="A .json in the input folder.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    tooltip="Width in pixels of the pictures, for OpenPose's own files; 0: known.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    tooltip="Height in pixels of the pictures, for OpenPose's own files; 0: known.",
                ),
            ],
            outputs=[
                PoseKeypoint.Output(display_name="poses", tooltip="One entry per frame"),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the clip"),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str, width: int, height: int) -> str:
        path = Path(folder_paths.get_input_directory()) / file
        return f"{file} {path.stat().st_mtime_ns if path.is_file() else 'absent'} {width} {height}"

    @classmethod
    def execute(cls, file: str, width: int, height: int) -> io.NodeOutput:
        if file not in _pose_files():
            raise InputError(f"{file} is not in ComfyUI's input folder; copy a pose file there")
        size = (width, height) if width and height else None
        poses = pose_files.read_poses(Path(folder_paths.get_input_directory()) / file, size=size)
        return io.NodeOutput(bridge.to_pose_keypoints(poses), poses.fps)


class SavePoses(io.ComfyNode):
    """Keypoints -> a pose file in the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("SavePoses"),
            display_name="Save Poses",
            category=POSE_CATEGORY,
            description="Writes keypoints to the output folder, whole or not at all.",
            is_output_node=True,
            inputs=[
                PoseKeypoint.Input("poses", tooltip="One entry per frame."),
                io.String.Input(
                    "filename_prefix",
                    default="poses/MagicPose",
                    tooltip="Name inside the output folder; a number and a suffix are added.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(pose_files.POSE_FORMATS),
                    default="pose_keypoint",
                    tooltip=(
                        "pose_keypoint: one file with frames and fps. cmu: OpenPose's folder of "
                        "one file per frame. coco: COCO-WholeBody. mediapipe: Holistic landmarks."
                    ),
                ),
                io.Float.Input(
                    "fps",
                    default=30.0,
                    min=0.01,
                    max=1000.0,
                    tooltip="Frames per second, kept in the file.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, poses: object, filename_prefix: str, format: pose_files.PoseFormat, fps: float
    ) -> io.NodeOutput:
        sequence = bridge.to_pose_sequence(poses, fps=fps)
        folder, name, counter, _, _ = folder_paths.get_save_image_path(
            filename_prefix, folder_paths.get_output_directory()
        )
        target = Path(folder) / f"{name}_{counter:05}_{'' if format == 'cmu' else '.json'}"
        pose_files.write_poses(target, sequence, format)
        notices.show(str(target))
        return io.NodeOutput(ui=ui.PreviewText(str(target)))


class ConvertPoses(io.ComfyNode):
    """Keypoints as other packs' nodes want them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("ConvertPoses"),
            display_name="Convert Poses",
            category=POSE_CATEGORY,
            description=(
                "Writes keypoints as another pack reads them. Nodes of controlnet_aux drop every "
                "point whose score is below 1, so SDPose's keypoints must be converted for them."
            ),
            inputs=[
                PoseKeypoint.Input("poses", tooltip="Of any detector; one entry per frame."),
                io.Combo.Input(
                    "reader",
                    options=list(_DIALECTS),
                    default="controlnet_aux",
                    tooltip=(
                        "Who reads them: controlnet_aux (scores 0 or 1), SDPose (real scores, "
                        "zeros for what was not looked for), scores (everything that is known)."
                    ),
                ),
                FaceLandmarks.Input(
                    "face_landmarks",
                    optional=True,
                    tooltip=(
                        "Faces of ComfyUI's Detect Face Landmarks, of the same pictures; each "
                        "person gets the one at their nose."
                    ),
                ),
            ],
            outputs=[PoseKeypoint.Output(display_name="poses", tooltip="One entry per frame")],
        )

    @classmethod
    def execute(
        cls, poses: object, reader: str, face_landmarks: Mapping[str, object] | None = None
    ) -> io.NodeOutput:
        sequence = bridge.to_pose_sequence(poses)
        if face_landmarks is not None:
            sequence = with_faces(sequence, face_landmarks)
        return io.NodeOutput(bridge.to_pose_keypoints(sequence, _DIALECTS[reader]))


def _pose_files() -> list[str]:
    folder = Path(folder_paths.get_input_directory())
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*.json") if path.is_file()
    )
