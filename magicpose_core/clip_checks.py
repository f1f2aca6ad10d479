"""What is checked before a clip is sampled: every mistake of a user is told at the call."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from .errors import InputError
from .models.pose_hints import PoseMaps
from .models.sd15 import SIZE_MULTIPLE
from .sampling.settings import BETAS, SamplingSettings
from .sampling.windows import motion_windows
from .sizes import check_room
from .weights.loading import MagicPoseModels
from .weights.notes import NOT_ONE_NOISE, ModelNote

_OF_MOTION = ("window_length", "window_overlap", "window_rule", "shuffled_noise")
_UNTOUCHED = SamplingSettings()
_log = logging.getLogger("magicpose")


def check_inputs(
    reference: Tensor, pose_maps: PoseMaps, *, reference_per_frame: bool = False
) -> None:
    """Check what a user can get wrong.

    Raises:
        InputError: Says what was expected, what came and what to do.
    """
    _check_reference(reference)
    if len(pose_maps) == 0:
        raise InputError("there are no pose_maps; give at least one")
    first = pose_maps[0]
    if first.ndim != 3 or first.shape[2] != 3 or first.dtype != np.uint8:
        raise InputError(
            f"pose_maps must be (H, W, 3) uint8 each, got {first.shape} {first.dtype}; use "
            "images.to_uint8"
        )
    if reference_per_frame and len(reference) != len(pose_maps):
        raise InputError(
            f"one reference per frame means as many pictures as pose_maps, got {len(reference)} "
            f"and {len(pose_maps)}"
        )
    for what, (height, width) in (
        ("reference", reference.shape[2:]),
        ("pose_maps", first.shape[:2]),
    ):
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
            raise InputError(
                f"the sides of {what} must be multiples of {SIZE_MULTIPLE}, got {width} x "
                f"{height} pixels; use images.fit_size"
            )


def _check_reference(reference: Tensor) -> None:
    if reference.ndim != 4 or reference.shape[1] != 3 or reference.shape[0] == 0:
        raise InputError(
            f"reference must be (R, 3, H, W) in [0, 1], got {tuple(reference.shape)}; use "
            "images.read_image"
        )
    if not reference.is_floating_point():
        raise InputError(f"reference must be float in [0, 1], got {reference.dtype}; divide by 255")
    if not torch.isfinite(reference).all():
        raise InputError("reference holds NaN or infinity; check what made it")
    low, high = float(reference.min()), float(reference.max())
    if low < 0 or high > 1:
        raise InputError(
            f"reference must lie in [0, 1], got {low:.3g} to {high:.3g}; divide 0..255 by 255, and "
            "bring -1..1 back with images.signed_to_unit"
        )


def check_rooms(models: MagicPoseModels, reference: Tensor, pose_maps: PoseMaps) -> None:
    """Check that the U-Net's deepest level has room for the pictures and for the maps.

    Raises:
        InputError: As :func:`~magicpose_core.sizes.check_room` says.
    """
    for height, width in (reference.shape[2:], pose_maps[0].shape[:2]):
        check_room((width, height), models.denoiser.unet.shape.channels)


def check_windows(
    models: MagicPoseModels, settings: SamplingSettings, *, reference_per_frame: bool = False
) -> None:
    """Check that what is said of windows goes with the model.

    Raises:
        InputError: A setting does nothing with this model or asks for too long a window, or frames
            of several people would see each other.
    """
    motion = models.denoiser.motion
    if motion is not None:
        if reference_per_frame:
            raise InputError(
                "reference_per_frame shows another picture's person in each frame, and a motion "
                "module (motion_module) takes frames for one clip; leave one of them out"
            )
        motion_windows(settings, usual=motion.window_length, longest=motion.positions)
        if settings.frames_per_batch is not None:
            raise InputError(
                "frames_per_batch does nothing with a motion module, whose windows go through the "
                "networks whole; leave it out, or lower window_length where memory is short"
            )
        if (settings.deep_every or 1) > 1:
            raise InputError(
                "deep_every keeps what frames have by themselves, and a motion module lets them "
                "see each other; leave it out"
            )
        return
    idle = [name for name in _OF_MOTION if getattr(settings, name) != getattr(_UNTOUCHED, name)]
    if idle:
        raise InputError(
            f"{idle[0]} does nothing without a motion module; name one (motion_module), or leave "
            "it out"
        )


def warn_of_other_noise(note: ModelNote | None, shared_noise: float) -> None:
    """Say that frames start from other noise than a motion module knows."""
    if note is not None and note.one_noise and shared_noise < 1:
        _log.warning(NOT_ONE_NOISE)


def warn_of_other_betas(note: ModelNote | None) -> None:
    """Say that a model was trained on another schedule than it is sampled with."""
    if note is not None and note.betas is not None and note.betas != BETAS:
        _log.warning(
            "the model notes betas from %g to %g; sampling goes by the paper's, from %g to %g",
            *note.betas,
            *BETAS,
        )
