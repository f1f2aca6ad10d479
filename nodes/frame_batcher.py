"""Frame Batcher: a clip's latents, and a MODEL that runs some of them at a time."""

from __future__ import annotations

import comfy.model_patcher
from comfy.patcher_extension import WrappersMP
from comfy_api.latest import io
from torch import Tensor

from ..magicpose_core.models.sd15 import SIZE_MULTIPLE
from ..magicpose_core.sampling.settings import SamplingSettings
from .frame_latents import empty_latent, noise_wrapper
from .frames import FrameSettings, batch_frames
from .sockets import CATEGORY, node_id, search_aliases, setting_input

_NOISE_KEY = "magicpose_noise"


class BatchFrames(io.ComfyNode):
    """A clip's latents, and a MODEL that runs some of them at a time."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("BatchFrames"),
            display_name="Frame Batcher",
            **search_aliases("context window", "long video"),
            category=CATEGORY,
            description=(
                "Makes the empty latents of a clip and lets the MODEL run some frames at a time, "
                "so that 300 frames need the memory of a few."
            ),
            inputs=[
                io.Model.Input("model", tooltip="After Apply Appearance."),
                io.Image.Input(
                    "pose_maps",
                    optional=True,
                    tooltip="Gives number and size of the frames, in place of the three numbers.",
                ),
                io.Int.Input(
                    "frames",
                    default=16,
                    min=1,
                    max=100000,
                    tooltip="Number of frames, where no pose maps are connected.",
                ),
                io.Int.Input(
                    "width",
                    default=512,
                    min=SIZE_MULTIPLE,
                    max=4096,
                    step=SIZE_MULTIPLE,
                    tooltip="Width in pixels, where no pose maps are connected.",
                ),
                io.Int.Input(
                    "height",
                    default=512,
                    min=SIZE_MULTIPLE,
                    max=4096,
                    step=SIZE_MULTIPLE,
                    tooltip="Height in pixels, where no pose maps are connected.",
                ),
                io.Int.Input(
                    "frames_per_batch",
                    default=0,
                    min=0,
                    max=1024,
                    tooltip=(
                        "Frames that go through the model together. 0 takes what the free memory "
                        "allows, 16 at most. The result is the same, but with self-attention "
                        "guidance and token merging (ToMe): those look at a whole pass."
                    ),
                ),
                io.Int.Input(
                    "window_length",
                    default=0,
                    min=0,
                    max=1024,
                    tooltip=(
                        "Frames that a motion module in the model sees together, usually 16; 0 "
                        "without one. They go through it together, whatever the memory. "
                        "AnimateDiff-Evolved has Context Options of its own instead."
                    ),
                ),
                io.Int.Input(
                    "window_overlap",
                    default=0,
                    min=0,
                    max=512,
                    tooltip="Frames shared by neighbouring windows, averaged; usually 4.",
                ),
                io.Boolean.Input(
                    "loop",
                    default=False,
                    tooltip="Whether the clip is a loop: windows cross its seam.",
                ),
                setting_input(SamplingSettings, "shared_noise"),
            ],
            outputs=[
                io.Model.Output(tooltip="For the sampler"),
                io.Latent.Output(tooltip="For the sampler's latent_image"),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: comfy.model_patcher.ModelPatcher,
        frames: int,
        width: int,
        height: int,
        frames_per_batch: int,
        window_length: int,
        window_overlap: int,
        loop: bool,
        shared_noise: float,
        pose_maps: Tensor | None = None,
    ) -> io.NodeOutput:
        if pose_maps is not None:
            frames, height, width = pose_maps.shape[:3]
        settings = FrameSettings(
            frames_per_batch=frames_per_batch,
            window_length=window_length,
            window_overlap=window_overlap,
            loop=loop,
        )
        batched = batch_frames(model, settings)
        if 0 < shared_noise < 1:
            wrapper = noise_wrapper(shared_noise)
            batched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, _NOISE_KEY, wrapper)
        latent = empty_latent(frames, height, width, shared_noise=shared_noise)
        return io.NodeOutput(batched, latent)
