"""The part of ComfyUI's conditions that belongs to some frames: texts, masks, ControlNet hints."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from . import notices
from .comfy_types import Cond, Conds, ControlNet, ModelOptions

_WINDOW = "magicpose_window"  # our entry of the options: the core window whose hints were taken


def conds_of_frames(
    conds: Conds, frames: list[int], count: int, chains: dict[int, ControlNet]
) -> Conds:
    """Take the part of one half of guidance that belongs to some frames.

    Args:
        conds: The half; None stays None.
        frames: Indices of the frames.
        count: Frames of the clip.
        chains: The ControlNets copied so far for these frames; both halves share it.
    """
    if conds is None:
        return None
    return [_cond_of_frames(cond, frames, count, chains) for cond in conds]


def conds_of_window(
    conds: Sequence[Conds], count: int, model_options: ModelOptions
) -> tuple[Sequence[Conds], ModelOptions]:
    """Give a window of ComfyUI's own context windows its ControlNet hints, once.

    ComfyUI takes the window out of latents, texts and masks, but hands the hints of the whole clip
    through, so that every window would follow the first window's poses.

    Args:
        conds: All halves, as the window gets them.
        count: Frames that the window has.
        model_options: Their ``context_window`` names the window, where there is one.

    Returns:
        The halves, and the options with a note that it is done.
    """
    options = model_options.get("transformer_options", {})
    window = options.get("context_window")
    if window is None or window is options.get(_WINDOW) or getattr(window, "dim", None) != 0:
        return conds, model_options
    frames = window.get_tensor(torch.arange(window.total_frames)).tolist()
    if len(frames) != count:
        return conds, model_options
    chains: dict[int, ControlNet] = {}
    parts = [
        None if half is None else [_hints_of_window(cond, frames, chains) for cond in half]
        for half in conds
    ]
    return parts, {**model_options, "transformer_options": {**options, _WINDOW: window}}


def warn_of_hints(conds: Mapping[str, Conds], count: int) -> None:
    """Say when a ControlNet has neither one hint nor one for each of ``count`` frames."""
    given = {
        hint.shape[0]
        for half in conds.values()
        for cond in half or ()
        for control in _chain(cond.get("control"))
        if isinstance(hint := getattr(control, "cond_hint_original", None), Tensor)
    }
    for maps in sorted(given - {1, count}):
        then = "they repeat in order" if maps < count else f"only the first {count} are used"
        notices.warn(
            "%d pose maps for %d frames: %s; connect the pose maps to the Frame Batcher too, which "
            "makes as many frames, or give as many latents",
            maps,
            count,
            then,
        )


def _chain(control: ControlNet | None) -> Iterator[ControlNet]:
    while control is not None:
        yield control
        control = control.previous_controlnet


def _hints_of_window(cond: Cond, frames: list[int], chains: dict[int, ControlNet]) -> Cond:
    part = {**cond, "uuid": _uuid_of_frames(cond, frames)}
    if "control" in cond:
        part["control"] = _control_of_frames(cond["control"], frames, chains)
    return part


def _uuid_of_frames(cond: Cond, frames: list[int]) -> object:
    """Name a condition and some frames, the same in every step: caches (EasyCache) go by it."""
    own = cond.get("uuid")
    if not isinstance(own, uuid.UUID):
        return own
    return uuid.uuid5(own, ",".join(map(str, frames)))


def _cond_of_frames(
    cond: Cond, frames: list[int], count: int, chains: dict[int, ControlNet]
) -> Cond:
    part = {**cond, "uuid": _uuid_of_frames(cond, frames)}
    if "control" in cond:
        part["control"] = _control_of_frames(cond["control"], frames, chains)
    if "mask" in cond and cond["mask"].shape[0] == count:
        part["mask"] = cond["mask"][frames]
    part["model_conds"] = {
        name: value._copy_with(_rows_of_frames(value.cond, frames))
        if isinstance(getattr(value, "cond", None), Tensor)
        else value
        for name, value in cond["model_conds"].items()
    }
    return part


def _control_of_frames(
    control: ControlNet | None, frames: list[int], chains: dict[int, ControlNet]
) -> ControlNet | None:
    """Copy a chain of ControlNets, prepared as it is, with the hints of some frames.

    Both halves of guidance get the same copy of the same chain, so that they stay one batch.
    """
    if control is None:
        return None
    if id(control) in chains:
        return chains[id(control)]
    part = copy.copy(control)
    part.cond_hint = None  # the hint at the latents' size, made anew from the rows below
    if isinstance(control.cond_hint_original, Tensor):
        part.cond_hint_original = _rows_of_frames(control.cond_hint_original, frames)
    part.previous_controlnet = _control_of_frames(control.previous_controlnet, frames, chains)
    chains[id(control)] = part
    return part


def _rows_of_frames(rows: Tensor, frames: list[int]) -> Tensor:
    """Take the frames' rows; fewer rows than frames are repeated, as ComfyUI repeats them."""
    count = rows.shape[0]
    return rows if count == 1 else rows[[frame % count for frame in frames]]
