"""Apply Motion: a MODEL whose frames see each other."""

from __future__ import annotations

import comfy.model_management
import comfy.model_patcher
import torch
from comfy_api.latest import io

from ..magicpose_core.errors import InputError
from ..magicpose_core.weights.checkpoint import open_checkpoint
from ..magicpose_core.weights.contents import find_part
from . import model_files
from .motion import MotionModel, apply_motion
from .sockets import CATEGORY, node_id, search_aliases


class ApplyMotion(io.ComfyNode):
    """A MODEL whose frames see each other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("ApplyMotion"),
            display_name="Apply Motion",
            **search_aliases("AnimateDiff", "motion module", "flicker"),
            category=CATEGORY,
            description=(
                "Lets the frames of a clip see each other through a motion module, so that they "
                "hold still from one to the next. Put a Frame Batcher behind it for clips of more "
                "than 16 frames; the Sampler has one in it. Not together with "
                "AnimateDiff-Evolved, which loads modules itself."
            ),
            inputs=[
                io.Model.Input("model", tooltip="Any Stable Diffusion 1.5 model."),
                io.Combo.Input(
                    "motion_module",
                    options=model_files.motion_names(),
                    tooltip=(
                        "AnimateDiff v1, v2 or v3, AnimateLCM, LongAnimateDiff, or one trained "
                        "with this pack, in models/magicpose or models/animatediff_models. The "
                        "bundled magicpose-motion-dancers goes with the demo model alone."
                    ),
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="For Apply Appearance, the Frame Batcher or the Sampler")
            ],
        )

    @classmethod
    def validate_inputs(cls, motion_module: str) -> bool | str:
        try:
            model_files.model_path(motion_module)
        except InputError as error:
            return f"{error}."
        return True

    @classmethod
    def fingerprint_inputs(cls, motion_module: str) -> str:
        try:
            status = model_files.model_path(motion_module).stat()
        except (InputError, OSError):
            return f"{motion_module} absent"
        return f"{motion_module} {status.st_size} {status.st_mtime_ns}"

    @classmethod
    def execute(cls, model: comfy.model_patcher.ModelPatcher, motion_module: str) -> io.NodeOutput:
        loaded = load_motion(motion_module, _computed_dtype(model))
        return io.NodeOutput(apply_motion(model, loaded))


def load_motion(name: str, dtype: torch.dtype) -> comfy.model_patcher.ModelPatcher:
    """Load a motion module as one more model that ComfyUI moves to the device and back.

    Raises:
        CheckpointError: The file holds none, or another kind.
    """
    from ..magicpose_core.weights.loading import load_network
    from ..magicpose_core.weights.notes import read_note
    from ..magicpose_core.weights.recipes import MOTION

    part = find_part(open_checkpoint(model_files.model_path(name)), "motion")
    offload = comfy.model_management.unet_offload_device()
    network = load_network(MOTION, part, device=offload, dtype=dtype)
    note = read_note(part.file)
    model = MotionModel(network, network.shape, one_noise=note is not None and note.one_noise)
    return comfy.model_patcher.ModelPatcher(
        model, comfy.model_management.get_torch_device(), offload
    )


def _computed_dtype(model: comfy.model_patcher.ModelPatcher) -> torch.dtype:
    """Say what a MODEL computes in, whatever its weights are kept in."""
    dtype: torch.dtype = model.model.manual_cast_dtype or model.model.get_dtype()
    return dtype
