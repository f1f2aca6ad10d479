"""What several nodes share: socket types, category, ids, and inputs that mean the same everywhere.

Saved workflows depend on the ids and names here: never rename them.
"""

from __future__ import annotations

import dataclasses

from comfy_api.latest import io

from ..magicpose_core.sampling.settings import SamplingSettings
from ..magicpose_core.settings import settings_of

CATEGORY = "MagicPose"
POSE_CATEGORY = f"{CATEGORY}/pose"

AppearanceModel = io.Custom("MAGICPOSE_APPEARANCE_MODEL")  # a ModelPatcher, like MODEL
ReferenceAppearance = io.Custom("MAGICPOSE_REFERENCE")  # reference.Reference
FaceLandmarks = io.Custom("FACE_LANDMARKS")  # of ComfyUI's Detect Face Landmarks, 0.23 and later
PoseKeypoint = io.Custom("POSE_KEYPOINT")  # what DWPose, OpenPose and SDPose nodes give


def node_id(name: str) -> str:
    """``EncodeReference`` -> ``MagicPose_EncodeReference``."""
    return f"MagicPose_{name}"


def search_aliases(*names: str) -> dict[str, list[str]]:
    """Give a schema other names to be found by, where this ComfyUI knows them (later than 0.8)."""
    known = {field.name for field in dataclasses.fields(io.Schema)}
    return {"search_aliases": list(names)} if "search_aliases" in known else {}


def setting_input(
    kind: type, field: str, *, name: str = "", tooltip: str = "", **more: object
) -> io.Input:
    """Make an input of a field of the core's settings: default, range, choices and help.

    Args:
        kind: The settings.
        field: Of the settings.
        name: Of the input; empty takes the field's.
        tooltip: Empty takes the field's help.
        more: What ComfyUI knows besides, such as ``step``; also another ``min`` or ``max``.
    """
    described = settings_of(kind)[field]
    notes = described.notes
    unit = f", in {notes.unit}" if notes.unit else ""
    told = tooltip or f"{notes.help[0].upper()}{notes.help[1:]}{unit}."
    given = {"default": described.shown_default, "tooltip": told, **more}
    if described.kind is bool:
        return io.Boolean.Input(name or field, **given)
    if described.choices:
        return io.Combo.Input(name or field, options=list(described.choices), **given)
    given = {
        limit: value
        for limit, value in (("min", notes.minimum), ("max", notes.maximum))
        if value is not None
    } | given
    if described.kind is int:
        return io.Int.Input(name or field, **given)
    return io.Float.Input(name or field, **{"step": 0.01, **given})


def control_mode_input() -> io.Input:
    """Which halves of classifier-free guidance see the reference or the pose."""
    return setting_input(
        SamplingSettings,
        "control_mode",
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
