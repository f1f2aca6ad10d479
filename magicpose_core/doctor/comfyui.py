"""Where ComfyUI lies, and which weights lie in its folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import CheckpointError, InputError
from ..files import paths_below
from ..weights.checkpoint import SUFFIXES, open_checkpoint
from ..weights.contents import describe, find_parts
from .findings import Finding

FOLDERS = ("magicpose", "checkpoints", "controlnet", "vae")
_MOST = 12  # files a folder


def find_comfyui(named: Path | None = None) -> Path | None:
    """Look where the user says, or at $COMFYUI_DIR, above this pack, and in the home folder."""
    pack = Path(__file__).resolve().parents[2]
    places = [pack.parents[1], Path.home() / "comfy" / "ComfyUI", Path.home() / "ComfyUI"]
    if "COMFYUI_DIR" in os.environ:
        places.insert(0, Path(os.environ["COMFYUI_DIR"]))
    if named is not None:
        places = [named]
    return next((place for place in places if (place / "folder_paths.py").is_file()), None)


def describe_comfyui(folder: Path) -> list[Finding]:
    """Say its version and what its model folders hold of what MagicPose needs."""
    found = [Finding(what="ComfyUI", seen=f"{_version(folder)}, {folder}"), _pack(folder)]
    for name in FOLDERS:
        for place in model_folders(folder, name):
            found += _files(name, place)
    return found


def model_folders(comfyui: Path, name: str) -> list[Path]:
    """List the folders of a kind of models: ComfyUI's own and those of extra_model_paths.yaml."""
    folders = [comfyui / "models" / name, *_extra(comfyui / "extra_model_paths.yaml", name)]
    return [folder for folder in folders if folder.is_dir()]


def _extra(file: Path, name: str) -> Iterator[Path]:
    if not file.is_file():
        return
    try:
        import yaml
    except ImportError:
        return  # ComfyUI itself cannot read it then
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return
    for group in content.values() if isinstance(content, dict) else ():
        if not isinstance(group, dict) or not isinstance(group.get(name), str):
            continue
        base = Path(os.path.expandvars(str(group.get("base_path", "")))).expanduser()
        for line in group[name].splitlines():
            if line.strip():
                yield file.parent / base / line.strip()


def _version(folder: Path) -> str:
    stated = folder / "comfyui_version.py"
    if not stated.is_file():
        return "older than 0.3.7"  # the first that states it
    found = re.search(r'__version__ = "([\w.]+)"', stated.read_text(encoding="utf-8"))
    return found[1] if found else "of unknown version"


def _pack(folder: Path) -> Finding:
    pack = Path(__file__).resolve().parents[2]
    linked = [
        place.name
        for place in (folder / "custom_nodes").glob("*")
        if place.is_dir() and (place / "magicpose_core" / "version.py").is_file()
    ]
    if len(linked) > 1:
        return Finding(
            what="this pack",
            seen=f"is there {len(linked)} times: {', '.join(sorted(linked))}",
            remedy="keep one of them in custom_nodes",
        )
    if not linked:
        return Finding(what="this pack", seen=f"is not in its custom_nodes, but at {pack}")
    return Finding(what="this pack", seen=f"custom_nodes/{linked[0]}")


def _files(name: str, folder: Path) -> Iterator[Finding]:
    try:
        files = [path for path in paths_below(folder) if path.suffix in SUFFIXES]
    except InputError as error:
        remedy = "give the user that ComfyUI runs as the right to read it"
        yield Finding(what=f"models/{name}", seen=str(error), remedy=remedy)
        return
    if not files:
        yield Finding(what=f"models/{name}", seen=f"holds no weight files ({folder})")
    for file in files[:_MOST]:
        yield _file(file, f"models/{name}")
    if len(files) > _MOST:
        yield Finding(what=f"models/{name}", seen=f"and {len(files) - _MOST} more in {folder}")


def _file(file: Path, where: str) -> Finding:
    what = f"{where}, {file.name}"
    try:
        opened = open_checkpoint(file)
    except CheckpointError as error:
        return Finding(
            what=what,
            seen=str(error),
            remedy="remove it or fetch it again, if MagicPose is to use it",
            harmless=True,
        )
    size = file.stat().st_size / 1e9
    return Finding(
        what=what, seen=f"{describe(opened)}, {size:.2f} GB{_parts(list(find_parts(opened)))}"
    )


def _parts(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""
