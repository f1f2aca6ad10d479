"""Where ComfyUIs lie and with which Python each runs; imports nothing of them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]


def find_comfyuis() -> list[Path]:
    """List every ComfyUI: those of $COMFYUI_DIR, or those in the usual places.

    $COMFYUI_DIR may name several, separated as in $PATH. The usual places are ``~/comfy/ComfyUI*``
    (comfy-cli installs there) and the folder above a pack in ``custom_nodes``.
    """
    if "COMFYUI_DIR" in os.environ:
        places = [Path(name) for name in os.environ["COMFYUI_DIR"].split(os.pathsep) if name]
    else:
        places = [*sorted((Path.home() / "comfy").glob("ComfyUI*")), PACK.parents[1]]
    found = [place.resolve() for place in places if (place / "comfy_api").is_dir()]
    return list(dict.fromkeys(found))


def version_of(comfyui: Path) -> str:
    """Read its version, ``0.8.0``, out of its source."""
    text = (comfyui / "comfyui_version.py").read_text()
    return re.search(r'__version__ = "(.*)"', text)[1]


def python_of(comfyui: Path) -> Path:
    """Name the Python that ComfyUI runs with: $COMFYUI_PYTHON, its environment, or this one."""
    if "COMFYUI_PYTHON" in os.environ:
        return Path(os.environ["COMFYUI_PYTHON"])
    for environment in (".venv", "venv"):
        for name in ("bin/python", "Scripts/python.exe"):
            if (comfyui / environment / name).exists():
                return comfyui / environment / name
    return Path(sys.executable)
