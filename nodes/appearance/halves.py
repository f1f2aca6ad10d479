"""Which conditions are the positive ones, whoever asks for them and in whatever order.

ComfyUI marks rows by their place in a list of halves, and 0 is the positive in most lists only:
dual guiders ask for [negative, middle, positive], self-attention guidance for [negative] alone.
So the positive conditions are marked when sampling starts, where guiders still call them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import comfy.model_patcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..comfy_types import Conds, Denoiser, Guider, ModelOptions, Options
from ..frame_conds import conds_of_window, warn_of_hints

_KEY = "magicpose_halves"
_MARK = "magicpose_positive"  # our entry of a condition: it belongs to the positive half
_MARKED = "magicpose_marked"  # our entry of the options: the positive conditions bear the mark
_POSITIVE = "magicpose_positive_halves"  # our entry of the options: for each half whether it is it


def tell_halves(model: comfy.model_patcher.ModelPatcher) -> None:
    """Let wrappers of a MODEL of our own know the positive half; repeating it changes nothing."""
    if model.get_wrappers(WrappersMP.SAMPLER_SAMPLE, _KEY):
        return
    model.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, _KEY, _mark_positive)
    model.add_wrapper_with_key(WrappersMP.CALC_COND_BATCH, _KEY, _tell_positive)


def is_positive(options: Options, half: int) -> bool:
    """Say whether a half (its number in ``cond_or_uncond``) is the positive one."""
    told: tuple[bool, ...] | None = options.get(_POSITIVE)
    return half == 0 if told is None else told[half]


def _mark_positive(
    sample: Callable[..., Tensor],
    guider: Guider,
    sigmas: Tensor,
    extra_args: dict[str, Any],
    callback: object,
    noise: Tensor,
    *more: object,
    **named: object,
) -> Tensor:
    warn_of_hints(guider.conds, noise.shape[0])
    if "positive" in guider.conds:  # else this guider's order is all there is
        for cond in guider.conds["positive"] or ():
            cond[_MARK] = True
        extra_args = {**extra_args, "model_options": _with(extra_args["model_options"], _MARKED, 1)}
    return sample(guider, sigmas, extra_args, callback, noise, *more, **named)


def _tell_positive(
    step: Callable[..., list[Tensor]],
    model: Denoiser,
    conds: Sequence[Conds],
    x: Tensor,
    timestep: Tensor,
    model_options: ModelOptions,
) -> list[Tensor]:
    options = model_options.get("transformer_options", {})
    if _MARKED in options:
        positive = tuple(any(_MARK in cond for cond in half or ()) for half in conds)
        model_options = _with(model_options, _POSITIVE, positive)
    conds, model_options = conds_of_window(conds, x.shape[0], model_options)
    return step(model, conds, x, timestep, model_options)


def _with(model_options: ModelOptions, name: str, value: object) -> ModelOptions:
    """Copy a MODEL's options with one more entry for its network."""
    options = model_options.get("transformer_options", {})
    return {**model_options, "transformer_options": {**options, name: value}}
