"""Hidden folders in which results are made, and what processes that have ended left in them.

A staging folder lies beside the results, on the same disk, and is locked by its process:

    .magicpose-1a2b3c4d/lock          held as long as the process lives
    .magicpose-1a2b3c4d/new/NAME      results that are being made
    .magicpose-1a2b3c4d/old/NAME      what results have taken the place of
    .magicpose-1a2b3c4d/journal.json  which results take their names, once all are whole
    .magicpose-1a2b3c4d/first         the staging folder whose journal decides, if it is another

A result in several folders has a staging folder in each; the first one's journal is written last,
and from then on the result counts. What a killed process has left is carried through when that
journal is there, and thrown away when it is not. A journal moves names inside its own folder alone,
so that a stranger's folder cannot move anything elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .disk_errors import NEW, STAGING
from .locks import Lock, read_note, try_lock

_LOCK, _JOURNAL, _FIRST, _OLD = "lock", "journal.json", "first", "old"


@dataclass(frozen=True)
class Staging:
    """A staging folder of this process; ``lock`` is None where the file system knows none."""

    folder: Path
    lock: Lock | None

    def place(self, name: str) -> Path:
        """Return where the result of that name is made."""
        return self.folder / NEW / name

    def close(self, *, keep: bool = False) -> None:
        """Remove the folder; ``keep`` leaves results without names for the next run to finish."""
        try:
            self._close(keep)
        except BaseException:  # Ctrl-C or a signal in the middle of it: the rest goes as well
            self._close(keep)
            raise

    def _close(self, keep: bool) -> None:
        if self.lock is not None:
            self.lock.release()
        if not keep or not _holds_results(self.folder / NEW):
            shutil.rmtree(self.folder, ignore_errors=True)


def _holds_results(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def make_staging(parent: Path, names: Sequence[str]) -> Staging:
    """Make a staging folder for results of these names in ``parent``.

    Raises:
        OSError: ``parent`` cannot be written to.
    """
    while True:
        folder = parent / f"{STAGING}{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        try:
            lock = try_lock(folder / _LOCK)
        except FileNotFoundError:
            continue  # another process took it for a leftover, before it was locked
        except OSError:
            return _filled(Staging(folder, None), names)
        except BaseException:  # Ctrl-C, a signal
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if lock is not None:
            return _filled(Staging(folder, lock), names)


def _filled(staging: Staging, names: Sequence[str]) -> Staging:
    try:
        if staging.lock is not None:
            staging.lock.note(writes=list(names))
        (staging.folder / NEW).mkdir()
        (staging.folder / _OLD).mkdir()
    except BaseException:
        staging.close()
        raise
    return staging


def live_writer(parent: Path, names: Iterable[str], own: Path) -> dict[str, object] | None:
    """Return the note of another live process that makes a result of one of these names."""
    wanted = set(names)
    for folder in _stagings(parent):
        note = read_note(folder / _LOCK)
        writes = note.get("writes")
        if folder != own and isinstance(writes, list) and wanted & set(map(str, writes)):
            with _owned(folder) as dead:
                if not dead:
                    return dict(note)
    return None


def write_journals(stagings: Sequence[Staging], names: Sequence[Sequence[str]]) -> None:
    """Decide that a result counts: from here on it is carried through, by whomever.

    Args:
        stagings: One per folder; the first one's journal decides.
        names: The results in each; what was there under the name of one that was not made goes.
    """
    first = stagings[0].folder
    for staging in stagings[1:]:
        (staging.folder / _FIRST).write_text(str(first.resolve()), encoding="utf-8")
    others = [str(staging.folder.resolve()) for staging in stagings[1:]]
    for staging, listed in reversed(list(zip(stagings, names, strict=True))):
        made = [name for name in listed if os.path.lexists(staging.place(name))]
        journal = {
            "made": made,
            "gone": [name for name in listed if name not in made],
            "others": others if staging is stagings[0] else [],
        }
        half = staging.folder / f"{_JOURNAL}.half"
        with half.open("w", encoding="utf-8") as file:
            json.dump(journal, file)
            file.flush()
            os.fsync(file.fileno())
        half.replace(staging.folder / _JOURNAL)


def carry_out(folder: Path) -> None:
    """Give the results of a journal their names; it may be begun anew, what is done is done."""
    journal = _journal(folder)
    for name in _names(journal, "gone"):
        old, target = folder / _OLD / name, folder.parent / name
        if os.path.lexists(target) and not os.path.lexists(old):
            target.rename(old)
    for name in _names(journal, "made"):
        new, old, target = folder / NEW / name, folder / _OLD / name, folder.parent / name
        if new.is_symlink() or not new.exists():
            continue  # it has its name already
        if target.is_dir() or (new.is_dir() and target.exists()):
            target.rename(old)  # nothing can be renamed onto a folder
        new.replace(target)


def sweep(folder: Path, *, deep: bool = False) -> None:
    """Finish or throw away what processes that have ended left in a folder; live ones are let be.

    Args:
        folder: May be absent.
        deep: Look into its sub-folders as well.
    """
    if not folder.is_dir():
        return
    left = list(_stagings(folder))
    if deep:
        for parent, folders, _ in os.walk(folder):
            hidden = [name for name in folders if name.startswith(STAGING)]
            folders[:] = [name for name in folders if name not in hidden]
            left += [Path(parent, name) for name in hidden if Path(parent) != folder]
    for staging in left:
        with contextlib.suppress(OSError), _owned(staging) as dead:  # not ours to write: let it be
            if dead:
                _finish(staging)


def _stagings(parent: Path) -> Iterator[Path]:
    try:
        found = sorted(entry.path for entry in os.scandir(parent) if _is_staging(entry))
    except OSError:
        return
    yield from map(Path, found)


def _is_staging(entry: os.DirEntry[str]) -> bool:
    return entry.name.startswith(STAGING) and entry.is_dir(follow_symlinks=False)


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[bool]:
    """Tell whether the process of a staging folder has ended, and keep others off meanwhile."""
    lock = None
    try:
        if _is_mine(folder):
            lock = try_lock(folder / _LOCK)
    except OSError:
        lock = None
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


def _is_mine(folder: Path) -> bool:
    return not hasattr(os, "geteuid") or folder.lstat().st_uid == os.geteuid()


def _finish(folder: Path) -> None:
    decides = folder / _FIRST
    if decides.is_file():
        first = Path(decides.read_text(encoding="utf-8"))
        if _journal(first) is not None:
            carry_out(folder)
    else:
        for other in _others(_journal(folder)):
            # it must name this folder itself: a journal has no power over strangers
            if (other / _FIRST).is_file() and _same((other / _FIRST).read_text("utf-8"), folder):
                carry_out(other)
                shutil.rmtree(other, ignore_errors=True)
        carry_out(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _journal(folder: Path) -> dict[str, object] | None:
    try:
        journal = json.loads((folder / _JOURNAL).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return journal if isinstance(journal, dict) else None


def _names(journal: dict[str, object] | None, kind: str) -> list[str]:
    names = (journal or {}).get(kind)
    listed = names if isinstance(names, list) else []
    return [n for n in listed if isinstance(n, str) and Path(n).name == n and n not in ("", "..")]


def _others(journal: dict[str, object] | None) -> list[Path]:
    others = (journal or {}).get("others")
    listed = others if isinstance(others, list) else []
    return [Path(o) for o in listed if isinstance(o, str) and Path(o).name.startswith(STAGING)]


def _same(text: str, folder: Path) -> bool:
    return Path(text) == folder.resolve()
