"""Find the clips under a path, and name them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from ...files import paths_below, regular_file
from ...picture_files import IMAGE_SUFFIXES

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif")


def find_clips(source: Path, *, out: Path, photos: bool = False) -> dict[str, Path]:
    """Return the clips of a path by name: itself, or all videos and picture folders under it.

    Args:
        source: Video, picture, folder of pictures, or folder of such at any depth.
        out: Folder for the results; what lies in it is no clip.
        photos: Take each picture as a clip of its own instead of a folder of them as one clip.

    Raises:
        InputError: There are none, two would have one name, results would lie among them, or a
            folder may not be read.
    """
    source, out = regular_file(source), regular_file(out)  # or what is no file is waited for
    if not source.exists():
        raise InputError(f"nothing is at {source}; check the path")
    if source.is_file():
        return {source.stem: source}
    source, out = source.resolve(), out.resolve()  # "." and ".." are no names
    if _holds_pictures(source) and not photos:
        return {source.name: source}
    if out == source:
        raise InputError(
            f"results would lie among the clips of {source} and be taken for clips the next time; "
            "name another folder for them"
        )
    found: dict[str, Path] = {}
    for path in _clips_under(source, out, photos=photos):
        name = "_".join((*path.relative_to(source).parts[:-1], _name(path)))
        if name in found:
            raise InputError(f"{path} and {found[name]} would both be {name}; rename one")
        found[name] = path
    if not found:
        raise InputError(
            f"{source} holds neither videos ({', '.join(VIDEO_SUFFIXES)}) nor pictures"
        )
    return found


def _clips_under(folder: Path, out: Path, *, photos: bool) -> Iterator[Path]:
    results_inside = out.is_relative_to(folder)
    for path in paths_below(folder):
        if path.name.startswith(".") or (results_inside and path.is_relative_to(out)):
            continue
        suffixes = (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES) if photos else VIDEO_SUFFIXES
        of_pictures = path.is_dir() and not photos and _holds_pictures(path)
        if path.suffix.lower() in suffixes or of_pictures:
            yield path


def _name(clip: Path) -> str:
    return clip.name if clip.is_dir() else clip.stem


def _holds_pictures(folder: Path) -> bool:
    return any(
        path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        for path in folder.iterdir()
    )
