"""Named ways to sample: how exact for how much time; nothing heavy is imported.

The table is data, ``presets.json`` beside this file: ``magicpose evaluate --sweep --presets FILE``
measures a model and writes it. All presets are used at the guidance scale that the model's file
notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

PresetName = Literal["paper", "fast", "draft"]
PRESET_NAMES: tuple[PresetName, ...] = get_args(PresetName)
PRESETS_FILE = Path(__file__).with_suffix(".json")


@cache
def presets() -> Mapping[PresetName, Mapping[str, object]]:
    """Read the table: name -> sampling settings by field."""
    table: Mapping[PresetName, Mapping[str, object]] = json.loads(
        PRESETS_FILE.read_text(encoding="utf-8")
    )
    return table
