"""Results of one or several files: made aside, whole before the first of them takes its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..errors import OutputError
from .checks import refuse_special
from .disk_errors import disk_errors_named
from .locks import holder_in_words
from .staging import Staging, carry_out, live_writer, make_staging, write_journals

Staged = Callable[[Path], Path]
"""Takes the path of a result and returns where it is to be made."""


@contextlib.contextmanager
def open_result(paths: Iterable[Path]) -> Iterator[Staged]:
    """Make the files and folders of one result; they take their names together at the end.

    Each is made under the path that the yielded function returns for it, beside its place and on
    the same disk. When the block raises (Ctrl-C included) all is as before; a process that is
    killed while names are given leaves a journal, by which the next run finishes (see ``sweep``).

    Args:
        paths: All files and folders of the result; their folders are made when absent. What stands
            there is replaced, and where the block makes nothing under a path, removed.

    Yields:
        Path of the result -> path to write to.

    Raises:
        OutputError: The disk is full, there can be no such file, something that is no file or
            folder stands there, or another process is making the same result.
    """
    targets = {Path(path): _real(Path(path)) for path in paths}
    stagings: dict[Path, Staging] = {}
    decided = False
    try:
        for path, target in targets.items():
            refuse_special(path)
            if target.parent not in stagings:
                names = [t.name for t in targets.values() if t.parent == target.parent]
                stagings[target.parent] = _begin(path, target.parent, names)
        yield lambda path: stagings[targets[path].parent].place(targets[path].name)
        for target in targets.values():
            with disk_errors_named(target):
                _flush(stagings[target.parent].place(target.name))
        decided = _decide(list(targets.values()), stagings)
        _give_names(list(targets.values()), stagings)
    finally:
        with contextlib.ExitStack() as closing:  # all of them, whatever one raises
            for staging in stagings.values():
                closing.callback(staging.close, keep=decided)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path to write one file to; it takes the name ``path`` when the block succeeds.

    Args:
        path: The file to be written; its folder is made when absent. The path that is yielded has
            the same name in a hidden folder, so that writers that go by it know the format.

    Yields:
        The path to write to. When the block raises (Ctrl-C included) it is removed and a file that
        stood at ``path`` before is left as it was.

    Raises:
        OutputError: The disk is full, or there can be no such file.
    """
    path = Path(path)
    with disk_errors_named(path):
        if path.is_dir():
            raise OutputError(f"could not write {path}: it is a folder; choose another place")
        with open_result([path]) as staged:
            yield staged(path)


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the name ``folder`` when the block succeeds.

    Args:
        folder: The folder to be made; an empty one may stand there.

    Yields:
        The folder to write into, on the same disk. When the block raises it is removed.

    Raises:
        OutputError: ``folder`` is there and not empty, the disk is full or cannot be written to.
    """
    folder = Path(folder)
    with disk_errors_named(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(
                f"{folder} is there and not empty; name a new folder, or remove this one first"
            )
        with open_result([folder]) as staged:
            temporary = staged(folder)
            temporary.mkdir()
            yield temporary


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _real(path: Path) -> Path:
    """Follow links, so that a link stays one and what it names is written."""
    with disk_errors_named(path):
        try:
            return path.resolve()
        except (ValueError, RuntimeError) as error:  # a NUL; a circle of links
            raise OutputError(f"there can be no file {str(path)!r}: {error}") from error


def _begin(path: Path, parent: Path, names: list[str]) -> Staging:
    with disk_errors_named(path):
        parent.mkdir(parents=True, exist_ok=True)
        staging = make_staging(parent, names)
    try:
        other = live_writer(parent, names, staging.folder)
        if other is not None:
            raise OutputError(
                f"{path} is being written by {holder_in_words(other)}; wait until it has ended, or "
                "name another place"
            )
    except BaseException:  # Ctrl-C and signals too
        staging.close()
        raise
    return staging


def _flush(path: Path) -> None:
    """Have a file on disk before it takes its name; Windows flushes only what it may write to."""
    if path.is_file():
        with path.open("r+b") as written:
            os.fsync(written.fileno())


def _decide(targets: list[Path], stagings: dict[Path, Staging]) -> bool:
    """Write down that the result counts; a single file needs no such thing to be whole."""
    if len(targets) == 1 and not targets[0].is_dir():
        return False
    names = [[t.name for t in targets if t.parent == parent] for parent in stagings]
    with disk_errors_named(targets[0]):
        write_journals(list(stagings.values()), names)
    return True


def _give_names(targets: list[Path], stagings: dict[Path, Staging]) -> None:
    """Give all names; what interrupts that is raised when it is done."""
    if len(targets) == 1 and not targets[0].is_dir():
        with disk_errors_named(targets[0]):
            stagings[targets[0].parent].place(targets[0].name).replace(targets[0])
        return
    try:
        try:
            _carry_out(stagings)
        except BaseException:
            _carry_out(stagings)
            raise
    except OSError as error:
        raise OutputError(
            f"the results are whole, but could not be put in place ({error}); mend that and run "
            "the same again, which begins by putting them there"
        ) from error


def _carry_out(stagings: dict[Path, Staging]) -> None:
    for staging in stagings.values():
        carry_out(staging.folder)
