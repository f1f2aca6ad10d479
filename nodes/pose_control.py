"""Pose ControlNet Apply: the pose on the positive, the released setting, or on both halves."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from ..magicpose_core.sampling.settings import ControlMode
from . import bridge
from .comfy_types import Conditioning, ControlNet
from .sockets import CATEGORY, control_mode_input, node_id, percent_inputs, search_aliases


def apply_pose(
    control_net: ControlNet,
    pose_maps: Tensor,
    positive: Conditioning,
    negative: Conditioning | None,
    *,
    control_mode: ControlMode = "image_cfg",
    strength: float = 1.0,
    percent_range: tuple[float, float] = (0.0, 1.0),
) -> tuple[Conditioning, Conditioning]:
    """Put the pose ControlNet on the conditioning.

    Args:
        control_net: ComfyUI's CONTROL_NET.
        pose_maps: (F, H, W, 3) in [0, 1], one per frame; one alone serves all frames.
        positive: What the conditional half is told.
        negative: What the unconditional half is told; None tells it the positive's text, as the
            authors do.
        control_mode: ``image_cfg`` steers the positive only, ``balance`` both.
        strength: Factor on the ControlNet's residuals.
        percent_range: Where in the sampling it starts and ends, 0 to 1.

    Returns:
        The positive and the negative.
    """
    if negative is None:
        negative = positive
    if strength == 0:
        return positive, negative
    hint = bridge.to_pictures(pose_maps, "pose_maps")
    # both halves share a chain, so that they run as one batch
    chains: dict[ControlNet | None, ControlNet] = {}

    def steer(conditioning: Conditioning) -> Conditioning:
        return [[text, {**rest, **control(rest.get("control"))}] for text, rest in conditioning]

    def control(previous: ControlNet | None) -> dict[str, object]:
        if previous not in chains:
            chains[previous] = control_net.copy().set_cond_hint(hint, strength, percent_range)
            chains[previous].set_previous_controlnet(previous)
        return {"control": chains[previous], "control_apply_to_uncond": False}

    return steer(positive), steer(negative) if control_mode == "balance" else negative


class ApplyPoseControlNet(io.ComfyNode):
    """Steer the frames with their pose maps."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("ApplyPoseControlNet"),
            display_name="Apply Pose ControlNet",
            **search_aliases("Pose ControlNet Apply", "OpenPose"),
            category=CATEGORY,
            description=(
                "Steers each frame with its pose map. With image_cfg, the paper's setting, the "
                "unconditional half sees no pose and costs no ControlNet."
            ),
            inputs=[
                io.Conditioning.Input(
                    "positive", tooltip="Text of the conditional half; MagicPose uses none (empty)."
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip=(
                        "Text of the unconditional half. Left open, it is the positive's text "
                        "without pose, as the authors have it."
                    ),
                ),
                io.ControlNet.Input(
                    "control_net",
                    tooltip=(
                        "MagicPose's pose ControlNet, or any OpenPose ControlNet for Stable "
                        "Diffusion 1.5."
                    ),
                ),
                io.Image.Input(
                    "pose_maps", tooltip="OpenPose drawings on black, one image per frame."
                ),
                control_mode_input(),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.01,
                    tooltip="Factor on the ControlNet's influence; 1 is the paper's, 0 is off.",
                ),
                *percent_inputs("the pose"),
            ],
            outputs=[
                io.Conditioning.Output(display_name="positive", tooltip="With the pose"),
                io.Conditioning.Output(
                    display_name="negative", tooltip="Without it, or with it for balance"
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        positive: Conditioning,
        control_net: ControlNet,
        pose_maps: Tensor,
        control_mode: ControlMode,
        strength: float,
        start_percent: float,
        end_percent: float,
        negative: Conditioning | None = None,
    ) -> io.NodeOutput:
        steered = apply_pose(
            control_net,
            pose_maps,
            positive,
            negative,
            control_mode=control_mode,
            strength=strength,
            percent_range=(start_percent, end_percent),
        )
        return io.NodeOutput(*steered)
