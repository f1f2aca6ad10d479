"""Some frames at a time: a clip of any length with the memory of a few frames.

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
from torch import Tensor

from ..magicpose_core.errors import InputError
from ..magicpose_core.sampling.windows import FrameWindows
from . import notices
from .comfy_types import Conds, ControlNet, Denoiser, Guider, ModelOptions, Options
from .frame_conds import conds_of_frames, conds_of_window
from .live_preview import preview_clip
from .motion import motion_of, windows_of

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
        window_length: Frames that a motion module in the MODEL sees together; 0 where frames do
            not see each other.
        window_overlap: Frames shared by neighbouring windows, averaged.
        loop: Whether the last frames are followed by the first ones.
    """

    frames_per_batch: int = 0
    window_length: int = 0
    window_overlap: int = 0
    loop: bool = False

    def __post_init__(self) -> None:
        if not self.window_length:
            idle = [name for name in ("window_overlap", "loop") if getattr(self, name)]
            if idle:
                raise InputError(
                    f"{' and '.join(idle)} do nothing without window_length, the frames that a "
                    "motion module sees together; set it (usually 16, with window_overlap 4)"
                )
        elif self.window_overlap >= self.window_length:
            raise InputError(
                f"window_overlap ({self.window_overlap}) must be below window_length "
                f"({self.window_length}); a motion module usually takes 16 and 4"
            )
        elif self.frames_per_batch:
            raise InputError(
                f"frames_per_batch ({self.frames_per_batch}) does nothing beside window_length, "
                "whose frames go through the model together; set it to 0"
            )

    @property
    def pass_length(self) -> int:
        """Frames of a pass, 0 where the free memory says it."""
        return self.window_length or self.frames_per_batch


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


def frame_windows(count: int, length: int, overlap: int, *, loop: bool) -> list[Sequence[int]]:
    """Cover ``count`` frames; a looping clip also gets windows over its seam."""
    if count <= length or not loop:
        return list(FrameWindows(length, overlap).over(count))
    starts = range(0, count, length - overlap)
    return [[(start + place) % count for place in range(length)] for start in starts]


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
        options = model_options.get("transformer_options", {})
        length, overlap = _windows(settings, options)
        length = length or _fitting_frames(model, x)
        if count <= length or _ANIMATEDIFF in options:
            return step(model, conds, x, timestep, model_options)
        sums = [torch.zeros_like(x) for _ in conds]
        seen = x.new_zeros(count, *[1] * (x.ndim - 1))
        windows = frame_windows(count, length, overlap, loop=settings.loop)
        for frames in map(list, windows):
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


def _windows(settings: FrameSettings, options: Options) -> tuple[int, int]:
    """Give length and overlap of passes; a motion module wants its own where none are given.

    Raises:
        InputError: frames_per_batch would cut the clip where the motion module is to see it.
    """
    if settings.frames_per_batch and motion_of(options) is not None:
        raise InputError(
            f"frames_per_batch ({settings.frames_per_batch}) does nothing with a motion module, "
            "whose frames go through the model together; set it to 0, or lower window_length where "
            "memory is short"
        )
    return windows_of(options, settings.pass_length, settings.window_overlap)


def _memory_wrapper(settings: FrameSettings) -> Callable[..., object]:
    """Ask for the memory of one pass, not of the clip; from free memory the models come first."""

    def run(
        prepare: Callable[..., object],
        model: comfy.model_patcher.ModelPatcher,
        noise_shape: Sequence[int],
        conds: dict[str, Conds],
        **more: object,
    ) -> object:
        length, _ = _windows(settings, model.model_options.get("transformer_options", {}))
        frames = min(noise_shape[0], length or 1)
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
        if count > (settings.pass_length or _fitting_frames(guider.inner_model, noise)):
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
