"""The one place where ComfyUI's values become the core's and back; nothing else converts.

ComfyUI: IMAGE (B, H, W, 3) in [0, 1], MASK (B, H, W), CONDITIONING pairs, POSE_KEYPOINT a list of
dicts. Core: pictures (B, 3, H, W), text (1, L, C), ``PoseSequence``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..magicpose_core import images as core_images
from ..magicpose_core.errors import InputError
from ..magicpose_core.pose.formats import openpose_frames, openpose_json
from ..magicpose_core.pose.keypoints import PoseSequence
from .comfy_types import Conditioning

_OVERSHOOT = 0.5  # beyond black and white; more is another range


def to_pictures(image: Tensor, name: str = "image") -> Tensor:
    """IMAGE -> (B, 3, H, W) in [0, 1]; an alpha channel is left out.

    Resizing and upscaling overshoot a little; that is clipped, as it is where images are saved.

    Raises:
        InputError: It is empty, no colour image, holds NaN, or values of another range.
    """
    if image.ndim != 4 or image.shape[0] == 0 or image.shape[-1] not in (3, 4):
        raise InputError(
            f"{name} must be one or more RGB images (B, H, W, 3), got {tuple(image.shape)}"
        )
    if not image.isfinite().all():
        raise InputError(f"{name} holds NaN or infinite values; check the node that made it")
    colours = image[..., :3].movedim(-1, 1).float()
    low, high = float(colours.min()), float(colours.max())
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise InputError(
            f"{name} holds values from {low:.3g} to {high:.3g} and an IMAGE holds 0 to 1; divide "
            "0..255 by 255, bring -1..1 to 0..1, or clamp it"
        )
    return colours if low >= 0 and high <= 1 else colours.clamp(0, 1)


def to_image(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] -> IMAGE."""
    return pictures.clamp(0, 1).movedim(1, -1).contiguous().float().cpu()


def drawings_to_image(drawings: Sequence[NDArray[np.uint8]]) -> Tensor:
    """F drawings (H, W, 3) uint8 -> IMAGE of F frames."""
    return to_image(core_images.from_uint8(np.stack(drawings)))


def to_masks(mask: Tensor, count: int) -> Tensor:
    """MASK (B, H, W) or (H, W) -> (count, 1, H, W); one mask serves all pictures.

    Raises:
        InputError: The numbers of masks and pictures differ.
    """
    masks = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    if masks.shape[0] not in (1, count):
        raise InputError(
            f"mask has {masks.shape[0]} pictures, image has {count}; give one mask, or one each"
        )
    return masks.expand(count, -1, -1, -1)


def to_text(conditioning: Conditioning) -> Tensor:
    """CONDITIONING -> the (1, L, C) text embedding of its first entry."""
    if not conditioning or conditioning[0][0] is None:
        raise InputError("conditioning is empty; connect the output of CLIP Text Encode")
    embedding: Tensor = conditioning[0][0]
    return embedding[:1]


def to_pose_sequence(
    keypoints: object, *, size: tuple[int, int] | None = None, fps: float = 30.0
) -> PoseSequence:
    """POSE_KEYPOINT, of any node that makes it -> a pose sequence."""
    return openpose_frames.from_pose_keypoints(keypoints, size=size, fps=fps)


def to_pose_keypoints(
    sequence: PoseSequence, dialect: openpose_json.Dialect = openpose_json.COMPLETE
) -> list[openpose_json.OpenPoseFrame]:
    """A pose sequence -> POSE_KEYPOINT; the dialect says for which nodes."""
    return openpose_json.to_pose_keypoints(sequence, dialect)
