"""Where ComfyUI finds MagicPose's weight files."""

from __future__ import annotations

import logging
from pathlib import Path

import folder_paths

from ..magicpose_core.demo.model import DEMO_MOTION
from ..magicpose_core.errors import InputError
from ..magicpose_core.weights.checkpoint import SUFFIXES

logger = logging.getLogger("magicpose")

FOLDER = "magicpose"
_DEMO = Path(__file__).resolve().parents[1] / "magicpose_core" / "demo"


def register_model_folder() -> None:
    """Make models/magicpose; tell ComfyUI of it, of the demo model and of the checkpoints folders.

    Folders that extra_model_paths.yaml names stay first. Repeating it changes nothing.
    """
    own = Path(folder_paths.models_dir) / FOLDER
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a read-only installation; files may lie in another folder
        logger.warning("%s could not be made: %s", own, error)
    modules = Path(folder_paths.models_dir) / "animatediff_models"  # AnimateDiff-Evolved's
    others = [modules] if modules.is_dir() else []
    for path in (own, *folder_paths.get_folder_paths("checkpoints"), *others, _DEMO):
        folder_paths.add_model_folder_path(FOLDER, str(path))
    folder_paths.folder_names_and_paths[FOLDER][1].update(SUFFIXES)


def model_names() -> list[str]:
    """List the files that may hold a model: all but the demo's motion module."""
    return [name for name in motion_names() if name != DEMO_MOTION.name]


def motion_names() -> list[str]:
    """List the files that may hold a motion module."""
    try:
        return folder_paths.get_filename_list(FOLDER)
    except FileNotFoundError:  # ComfyUI remembers a folder that has been removed since
        folder_paths.filename_list_cache.pop(FOLDER, None)
        return folder_paths.get_filename_list(FOLDER)


def model_path(name: str) -> Path:
    """Find a file that the user chose.

    Raises:
        InputError: It is gone.
    """
    path = folder_paths.get_full_path(FOLDER, name)
    if path is None:
        folders = ", ".join(folder_paths.get_folder_paths(FOLDER))
        raise InputError(f"{name} is in none of {folders}; put it there, or choose another file")
    return Path(path)
