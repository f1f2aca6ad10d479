"""Where AnimateDiff-Evolved lies, another pack, which loads motion modules by itself.

Its context windows take ControlNets of Advanced-ControlNet alone, a pack of the same author.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

EVOLVED, CONTROL = "ComfyUI-AnimateDiff-Evolved", "ComfyUI-Advanced-ControlNet"
_WIDTHS = {  # as its loader knows them: of the levels in their order, and of the middle
    "layer_channels = (320, 640, 1280, 1280)": "layer_channels = {levels}",
    "self.middle_channel = 1280": "self.middle_channel = {middle}",
}


def find_pack(name: str, comfyuis: Sequence[Path]) -> Path | None:
    """Look at the folder OTHER_PACKS_DIR, else among each ComfyUI's custom nodes and beside it."""
    named = os.environ.get("OTHER_PACKS_DIR")
    folders = [folder for each in comfyuis for folder in (each / "custom_nodes", each.parent)]
    places = [folder / name for folder in ([Path(named)] if named else folders)]
    return next((place for place in places if (place / "pyproject.toml").is_file()), None)


def why_no_evolved(comfyuis: Sequence[Path]) -> str | None:
    """Say what the tests with it lack; None where they can run."""
    absent = [name for name in (EVOLVED, CONTROL) if find_pack(name, comfyuis) is None]
    if absent:
        return f"left out, no {' and no '.join(absent)} found (OTHER_PACKS_DIR names their folder)"
    return None


def copy_narrow(evolved: Path, folder: Path, channels: tuple[int, ...]) -> Path:
    """Copy it into a folder, its loader's fixed widths replaced by those of a small model."""
    copy = folder / "AnimateDiffEvolved"
    shutil.copytree(evolved, copy, ignore=shutil.ignore_patterns(".git", "models", "motion_lora"))
    source = copy / "animatediff" / "motion_module_ad.py"
    text = source.read_text(encoding="utf-8")
    for fixed, narrow in _WIDTHS.items():
        assert text.count(fixed) == 1, fixed
        text = text.replace(fixed, narrow.format(levels=channels, middle=channels[-1]))
    source.write_text(text, encoding="utf-8")
    return copy
