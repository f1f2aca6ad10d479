"""Where a ComfyUI lies and with which Python it runs; imports nothing of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]


def find_comfyui() -> Path | None:
    """Look at $COMFYUI_DIR, where comfy-cli installs it, and above a pack in custom_nodes."""
    places = [Path.home() / "comfy" / "ComfyUI", PACK.parents[1]]
    if "COMFYUI_DIR" in os.environ:
        places = [Path(os.environ["COMFYUI_DIR"])]
    return next((place for place in places if (place / "comfy_api").is_dir()), None)


def python_of(comfyui: Path) -> Path:
    """Name the Python that ComfyUI runs with: $COMFYUI_PYTHON, its environment, or this one."""
    if "COMFYUI_PYTHON" in os.environ:
        return Path(os.environ["COMFYUI_PYTHON"])
    for environment in (".venv", "venv"):
        for name in ("bin/python", "Scripts/python.exe"):
            if (comfyui / environment / name).exists():
                return comfyui / environment / name
    return Path(sys.executable)
