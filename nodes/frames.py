"""Frame Batcher: a clip of any length with the memory of a few frames.

ComfyUI runs all frames of a LATENT at once. A wrapper around its step (CALC_COND_BATCH) runs some
frames at a time instead, each with its own pose maps; it looks at no schedule, so samplers may
evaluate wherever they like.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.model_management
import comfy.model_patcher
import torch
from comfy.patcher_extension import WrappersMP
from comfy_api.latest import io
from torch import Tensor

from ..magicpose_core.errors import InputError
from ..magicpose_core.models.sd15 import LATENT_STRIDE, SIZE_MULTIPLE
from ..magicpose_core.sampling.windows import FrameWindows
from . import notices
from .comfy_types import Conds, ControlNet, Denoiser, Guider, Latent, ModelOptions
from .frame_conds import conds_of_frames, conds_of_window
from .live_preview import preview_clip
from .sockets import CATEGORY, node_id, search_aliases

_KEY = "magicpose_frames"
_ANIMATEDIFF = "ADGS"  # AnimateDiff-Evolved's entry in the options: it cuts the clip by itself
_MOST_FRAMES = 16  # more at a time does not pay on any device
_WHOLE_PASSES = {
    "SelfAttentionGuidance": "self-attention guidance (SAG)",
    "TomePatchModel": "token merging (ToMe)",
}
_HEADROOM = 1.5  # what ComfyUI itself leaves between its estimate and the free memory


@dataclass(frozen=True, kw_only=True)
class FrameSettings:
    """How a clip is cut.

    Attributes:
        frames_per_batch: Frames at a time; 0 takes what the free memory allows, 16 at most.
        window_overlap: Frames shared by neighbouring passes, averaged; for motion modules.
        loop: Whether the last frames are followed by the first ones.
    """

    frames_per_batch: int = 0
    window_overlap: int = 0
    loop: bool = False

    def __post_init__(self) -> None:
        most = self.frames_per_batch or _MOST_FRAMES
        if self.window_overlap and self.window_overlap >= most:
            meant = "" if self.frames_per_batch else ", the most that 0 takes"
            raise InputError(
                f"window_overlap ({self.window_overlap}) must be below "
                f"frames_per_batch ({most}{meant}); "
                "a motion module usually takes 16 and 4"
            )


def batch_frames(
    model: comfy.model_patcher.ModelPatcher, settings: FrameSettings
) -> comfy.model_patcher.ModelPatcher:
    """Let a MODEL run some frames at a time; the given MODEL stays as it is."""
    batched = model.clone()
    preview_clip(batched)
    batched.add_wrapper_with_key(WrappersMP.CALC_COND_BATCH, _KEY, _step_wrapper(settings))
    batched.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, _KEY, _memory_wrapper(settings))
    batched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, _KEY, _warning_wrapper(settings))
    return batched


def frame_windows(count: int, settings: FrameSettings) -> list[Sequence[int]]:
    """Cover ``count`` frames; a looping clip also gets windows over its seam."""
    if count <= settings.frames_per_batch or not settings.loop:
        return list(FrameWindows(settings.frames_per_batch, settings.window_overlap).over(count))
    stride = settings.frames_per_batch - settings.window_overlap
    return [
        [(start + place) % count for place in range(settings.frames_per_batch)]
        for start in range(0, count, stride)
    ]


def _step_wrapper(settings: FrameSettings) -> Callable[..., list[Tensor]]:
    def run(
        step: Callable[..., list[Tensor]],
        model: Denoiser,
        conds: Sequence[Conds],
        x: Tensor,
        timestep: Tensor,
        model_options: ModelOptions,
    ) -> list[Tensor]:
        count = x.shape[0]
        conds, model_options = conds_of_window(conds, count, model_options)
        length = settings.frames_per_batch or max(
            _fitting_frames(model, x), settings.window_overlap + 1
        )
        if count <= length or _ANIMATEDIFF in model_options.get("transformer_options", ()):
            return step(model, conds, x, timestep, model_options)
        sums = [torch.zeros_like(x) for _ in conds]
        seen = x.new_zeros(count, *[1] * (x.ndim - 1))
        cut = FrameSettings(
            frames_per_batch=length, window_overlap=settings.window_overlap, loop=settings.loop
        )
        for frames in map(list, frame_windows(count, cut)):
            comfy.model_management.throw_exception_if_processing_interrupted()
            chains: dict[int, ControlNet] = {}
            part = [conds_of_frames(half, frames, count, chains) for half in conds]
            seen[frames] += 1
            for total, predicted in zip(
                sums, step(model, part, x[frames], timestep[frames], model_options), strict=True
            ):
                total[frames] += predicted
        return [total / seen for total in sums]

    return run


def _memory_wrapper(settings: FrameSettings) -> Callable[..., object]:
    """Ask for the memory of one pass, not of the clip; from free memory the models come first."""

    def run(
        prepare: Callable[..., object],
        model: comfy.model_patcher.ModelPatcher,
        noise_shape: Sequence[int],
        conds: dict[str, Conds],
        **more: object,
    ) -> object:
        frames = min(noise_shape[0], settings.frames_per_batch or 1)
        return prepare(model, [frames, *noise_shape[1:]], conds, **more)

    return run


def _warning_wrapper(settings: FrameSettings) -> Callable[..., Tensor]:
    """Name patches of the MODEL whose result depends on the frames of a pass, where it is cut."""

    def run(
        sample: Callable[..., Tensor],
        guider: Guider,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: object,
        noise: Tensor,
        *more: object,
        **named: object,
    ) -> Tensor:
        count = noise.shape[0]
        if count > (settings.frames_per_batch or _fitting_frames(guider.inner_model, noise)):
            for patch in _patches_of_whole_passes(extra_args["model_options"]):
                notices.warn(
                    "%s looks at all frames of a pass at once, so the result depends on how many "
                    "there are; set frames_per_batch to %d, or leave it out",
                    patch,
                    count,
                )
        return sample(guider, sigmas, extra_args, callback, noise, *more, **named)

    return run


def _patches_of_whole_passes(model_options: ModelOptions) -> list[str]:
    """List core's patches that keep something of a pass, by the names of their functions."""
    options = model_options.get("transformer_options", {})
    functions = [
        *model_options.get("sampler_post_cfg_function", ()),
        *options.get("patches", {}).get("attn1_patch", ()),
    ]
    nodes = [getattr(function, "__qualname__", "").split(".")[0] for function in functions]
    return [_WHOLE_PASSES[node] for node in dict.fromkeys(nodes) if node in _WHOLE_PASSES]


def _fitting_frames(model: Denoiser, x: Tensor) -> int:
    free: float = comfy.model_management.get_free_memory(x.device) / _HEADROOM
    for frames in range(min(_MOST_FRAMES, x.shape[0]), 1, -1):
        if model.memory_required([2 * frames, *x.shape[1:]]) < free:
            return frames
    return 1


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
                    "window_overlap",
                    default=0,
                    min=0,
                    max=512,
                    tooltip=(
                        "Frames shared by neighbouring passes, averaged, for motion modules in the "
                        "model: 16 frames at a time, overlap 4. AnimateDiff-Evolved has Context "
                        "Options of its own instead."
                    ),
                ),
                io.Boolean.Input(
                    "loop",
                    default=False,
                    tooltip="Whether the clip is a loop: passes of a motion module cross its seam.",
                ),
                io.Boolean.Input(
                    "shared_noise",
                    default=True,
                    label_on="one for all frames",
                    label_off="one per frame",
                    tooltip=(
                        "Whether all frames start from the same noise, which keeps the background "
                        "still (the paper), or each from its own."
                    ),
                ),
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
        window_overlap: int,
        loop: bool,
        shared_noise: bool,
        pose_maps: Tensor | None = None,
    ) -> io.NodeOutput:
        if pose_maps is not None:
            frames, height, width = pose_maps.shape[:3]
        settings = FrameSettings(
            frames_per_batch=frames_per_batch, window_overlap=window_overlap, loop=loop
        )
        latent = empty_latent(frames, height, width, shared_noise=shared_noise)
        return io.NodeOutput(batch_frames(model, settings), latent)


def empty_latent(frames: int, height: int, width: int, *, shared_noise: bool) -> Latent:
    """Make the LATENT of a clip whose frames share one noise or have one each.

    Raises:
        InputError: There are no frames, or the size is no multiple of 8 pixels.
    """
    if frames < 1:
        raise InputError("pose_maps has no frames; connect at least one pose map")
    if height % LATENT_STRIDE or width % LATENT_STRIDE:
        raise InputError(
            f"pose maps must have sides of a multiple of {LATENT_STRIDE} pixels, got "
            f"{width}x{height}; draw or scale them to multiples of {SIZE_MULTIPLE}, best to 512x512"
        )
    samples = torch.zeros(
        frames,
        4,
        height // LATENT_STRIDE,
        width // LATENT_STRIDE,
        device=comfy.model_management.intermediate_device(),
    )
    return {
        "samples": samples,
        "batch_index": [0] * frames if shared_noise else list(range(frames)),
    }
