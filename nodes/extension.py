"""The list of nodes that ComfyUI is given."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .appearance.nodes import ApplyAppearance, EncodeReference
from .apply_motion import ApplyMotion
from .compare import Compare
from .dancer import SyntheticDancer
from .decode import DecodeFrames
from .frame_batcher import BatchFrames
from .input_names import told_in_inputs
from .loaders import LoadAppearanceModel, LoadMagicPoseCheckpoint
from .model_files import register_model_folder
from .page_route import register_page_route
from .pose_control import ApplyPoseControlNet
from .pose_detect import DetectPoses
from .pose_maps import ConvertPoses, DrawPoses, LoadPoses, SavePoses
from .pose_motion import AlignPoses, ChoosePerson, SmoothPoses
from .pose_preview import PreviewPoses
from .sampling import Sample


class MagicPoseExtension(ComfyExtension):
    """All nodes of the pack, the folder of its models, and the address of its page."""

    def __init__(self) -> None:
        register_model_folder()  # here, since ComfyUI 0.8 does not call on_load
        register_page_route()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """List the nodes in the order of a graph."""
        nodes: list[type[io.ComfyNode]] = [
            LoadMagicPoseCheckpoint,
            LoadAppearanceModel,
            EncodeReference,
            ApplyAppearance,
            ApplyPoseControlNet,
            ApplyMotion,
            BatchFrames,
            Sample,
            DecodeFrames,
            DetectPoses,
            ChoosePerson,
            SmoothPoses,
            AlignPoses,
            DrawPoses,
            PreviewPoses,
            LoadPoses,
            SavePoses,
            ConvertPoses,
            SyntheticDancer,
            Compare,
        ]
        return [told_in_inputs(node) for node in nodes]
