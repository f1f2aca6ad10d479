"""What several nodes share: socket types, category, ids, and inputs that mean the same everywhere.

Saved workflows depend on the ids and names here: never rename them.
"""

from __future__ import annotations

import dataclasses

from comfy_api.latest import io

CATEGORY = "MagicPose"
POSE_CATEGORY = f"{CATEGORY}/pose"

AppearanceModel = io.Custom("MAGICPOSE_APPEARANCE_MODEL")  # a ModelPatcher, like MODEL
ReferenceAppearance = io.Custom("MAGICPOSE_REFERENCE")  # reference.Reference
PoseKeypoint = io.Custom("POSE_KEYPOINT")  # what DWPose, OpenPose and SDPose nodes give


def node_id(name: str) -> str:
    """``EncodeReference`` -> ``MagicPose_EncodeReference``."""
    return f"MagicPose_{name}"


def search_aliases(*names: str) -> dict[str, list[str]]:
    """Give a schema other names to be found by, where this ComfyUI knows them (later than 0.8)."""
    known = {field.name for field in dataclasses.fields(io.Schema)}
    return {"search_aliases": list(names)} if "search_aliases" in known else {}


def control_mode_input() -> io.Combo.Input:
    """Which halves of classifier-free guidance see the reference or the pose."""
    return io.Combo.Input(
        "control_mode",
        options=["image_cfg", "balance"],
        default="image_cfg",
        tooltip=(
            "Which halves of guidance see it. image_cfg: the positive only, so that cfg pushes "
            "towards the person (the paper). balance: both, so that cfg acts on the text alone. "
            "Choose the same for appearance and pose."
        ),
    )


def percent_inputs(what: str) -> list[io.Float.Input]:
    """Where in the sampling something starts and ends."""
    return [
        io.Float.Input(
            "start_percent",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.001,
            tooltip=f"Where {what} sets in, as a fraction of the sampling: 0 is the first step.",
        ),
        io.Float.Input(
            "end_percent",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.001,
            tooltip=f"Where {what} ends, as a fraction of the sampling: 1 is the last step.",
        ),
    ]


def seed_input(tooltip: str) -> io.Int.Input:
    """A seed with ComfyUI's control after generate."""
    return io.Int.Input(
        "seed", default=0, min=0, max=2**64 - 1, control_after_generate=True, tooltip=tooltip
    )
