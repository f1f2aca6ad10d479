"""Find the clips under a path, and name them."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..images import IMAGE_SUFFIXES

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif")


def find_clips(source: Path) -> dict[str, Path]:
    """Return the clips of a path by name: itself, or all videos and picture folders under it.

    Args:
        source: Video, picture, folder of pictures, or folder of such at any depth.

    Raises:
        InputError: There are none, or two would have one name.
    """
    source = Path(source)
    if not source.exists():
        raise InputError(f"nothing is at {source}; check the path")
    if source.is_file() or _holds_pictures(source):
        return {source.stem: source}
    found: dict[str, Path] = {}
    for path in sorted(source.rglob("*")):
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in VIDEO_SUFFIXES or (path.is_dir() and _holds_pictures(path)):
            name = "_".join(path.relative_to(source).with_suffix("").parts)
            if name in found:
                raise InputError(f"{path} and {found[name]} would both be {name}; rename one")
            found[name] = path
    if not found:
        raise InputError(
            f"{source} holds neither videos ({', '.join(VIDEO_SUFFIXES)}) nor pictures"
        )
    return found


def _holds_pictures(folder: Path) -> bool:
    return any(
        path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        for path in folder.iterdir()
    )
