"""What a command reads and writes, declared and checked before it works."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, OutputError
from .kinds import check_name, refuse_special, refuse_unreadable, refuse_waiting
from .scratch import scratch_folder
from .staging import STAGING, sweep

_FRAME = re.compile(r"\d+\.png")  # what a folder of frames that we wrote holds


@dataclass(frozen=True, kw_only=True)
class FilePlan:
    """What a command reads and writes.

    Attributes:
        reads: Files, and folders whose files are all read (pose maps, frames, weights).
        searched: Folders in which single files are looked for, such as a detector's weights.
        files: Results that are files.
        folders: Results that are folders of frames, each made as a whole.
        places: Folders that results are added to.
        force: Replace results that are there.
    """

    reads: tuple[Path, ...] = ()
    searched: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    places: tuple[Path, ...] = ()
    force: bool = False

    @property
    def results(self) -> tuple[Path, ...]:
        """All that is written."""
        return (*self.files, *self.folders, *self.places)


def check_plan(plan: FilePlan) -> None:
    """Refuse before any work what would lose a file or could only fail after it.

    What killed runs have left where results go is finished or thrown away first.

    Raises:
        InputError: A name cannot be one, something read is neither file nor folder or may not be
            read, or a result would replace what is read, lie among it, or fall on another result.
        OutputError: A result is there already and ``force`` is not set, or cannot be written.
    """
    for path in (*plan.reads, *plan.results):
        check_name(path)
    for path in plan.reads:
        refuse_waiting(path)
        refuse_unreadable(path)
    _sweep(plan)
    for result in plan.results:
        refuse_special(result)
        _refuse_to_replace_inputs(result, plan)
        _check_place(result)
    _refuse_overlap(plan)
    _refuse_to_replace_unasked(plan)
    scratch_folder()


def paths(*groups: Path | Iterable[Path | None] | None) -> tuple[Path, ...]:
    """Join paths and lists of them, leaving out those that were not given."""
    joined: list[Path] = []
    for group in groups:
        listed = [group] if group is None or isinstance(group, Path) else group
        joined += [path for path in listed if path is not None]
    return tuple(joined)


def _sweep(plan: FilePlan) -> None:
    for result in plan.results:
        sweep(result.parent)
    for place in plan.places:
        sweep(place, deep=True)


def _refuse_to_replace_unasked(plan: FilePlan) -> None:
    for result in plan.files:
        _check_file(result, force=plan.force)
    for result in plan.folders:
        _check_folder(result, force=plan.force)
    for place in plan.places:
        if place.exists() and not place.is_dir():
            raise OutputError(f"{place} is a file; name a folder for the results")


def _refuse_to_replace_inputs(result: Path, plan: FilePlan) -> None:
    written = _real(result)
    for read in plan.reads:
        source = _real(read)
        if _same(written, source):
            raise InputError(
                f"{result} is an input and would be replaced; choose another place for the result"
            )
        if source.is_dir() and written.is_relative_to(source):
            raise InputError(
                f"{result} lies in {read}, which is read: the next run would take it for an input; "
                "choose another place for the result"
            )
        if result in plan.folders and source.is_relative_to(written):
            raise InputError(
                f"{read} is an input and lies in {result}, which would be replaced; choose another "
                "place for the result"
            )
    for folder in map(_real, plan.searched):
        if written.is_relative_to(folder) and written.is_file():
            raise InputError(
                f"{result} lies among the weights and would be replaced; choose another place for "
                "the result"
            )


def _check_place(result: Path) -> None:
    """Refuse a folder that nothing can be written into; it may have to be made first."""
    folder = _real(result).parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"{result} cannot be written: {folder} is no folder; name another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"{result} cannot be written: the folder {folder} does not allow it; name another place"
        )


def _refuse_overlap(plan: FilePlan) -> None:
    """Refuse two results of one name, and one inside another that is made as a whole."""
    real = [(result, _real(result)) for result in plan.results]
    for index, (result, written) in enumerate(real):
        for _, taken in real[:index]:
            if _same(written, taken):
                raise InputError(f"{result} is named for two results; name two places")
        for other, taken in real:
            if other in plan.folders and other != result and written.is_relative_to(taken):
                raise InputError(
                    f"{result} lies in {other}, which is a result itself; name a place beside it"
                )


def _check_file(result: Path, *, force: bool) -> None:
    if result.is_dir():
        raise OutputError(f"{result} is a folder; name a file")
    if result.exists() and not force:
        raise OutputError(f"{result} is there already; set force to replace it")


def _check_folder(result: Path, *, force: bool) -> None:
    if not result.exists():
        return
    if not result.is_dir():
        raise OutputError(f"{result} is a file; name a new folder")
    if os.path.ismount(result):
        raise OutputError(f"{result} is a disk of its own; name a new folder in it")
    inside = [path.name for path in result.iterdir() if not path.name.startswith(STAGING)]
    if inside and not force:
        raise OutputError(
            f"{result} is there and not empty; name a new folder, or set force to replace it"
        )
    strangers = [name for name in inside if not _FRAME.fullmatch(name)]
    if strangers:
        raise OutputError(
            f"{result} holds {min(strangers)}, which is no frame, and is not replaced; name a new "
            "folder"
        )


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise InputError(f"{path} leads nowhere: its links go round in a circle") from error


def _same(one: Path, other: Path) -> bool:
    """Tell whether two paths are one file, under other names and letters' cases too."""
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False
