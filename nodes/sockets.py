"""The names that a saved workflow depends on: socket types, category, node ids. Never rename them."""

from __future__ import annotations

from comfy_api.latest import io

CATEGORY = "MagicPose"
POSE_CATEGORY = f"{CATEGORY}/pose"

AppearanceEncoder = io.Custom("MAGICPOSE_APPEARANCE_ENCODER")  # a ModelPatcher, like MODEL
ReferenceAppearance = io.Custom("MAGICPOSE_REFERENCE")  # reference.Reference
PoseKeypoint = io.Custom("POSE_KEYPOINT")  # what DWPose, OpenPose and SDPose nodes give


def node_id(name: str) -> str:
    """``EncodeReference`` -> ``MagicPose_EncodeReference``."""
    return f"MagicPose_{name}"
