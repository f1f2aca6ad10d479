"""Locks that say who holds them, and that end with the process, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import OutputError
from .disk_errors import disk_errors_named

_FAR = 1 << 30  # Windows hides the locked bytes of a file: lock one that nobody reads
_FOLDER_LOCK = ".magicpose.lock"


@dataclass(frozen=True)
class Lock:
    """A lock that is held.

    Attributes:
        path: Its file.
        file: Open as long as the lock is held.
    """

    path: Path
    file: IO[str]

    def note(self, **facts: object) -> None:
        """Write down who holds the lock, for others to read."""
        self.file.seek(0)
        self.file.truncate()
        json.dump({**_who(), **facts}, self.file)
        self.file.flush()

    def release(self) -> None:
        """Let go."""
        self.file.close()


def try_lock(path: Path) -> Lock | None:
    """Take the lock of a file, which is made when absent; None where somebody else holds it.

    Raises:
        OSError: The file cannot be made, or this file system knows no locks.
    """
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o644), "r+")
    try:
        if not _lock(file):
            file.close()
            return None
        # between opening and locking, the one before us may have removed the file
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            file.close()
            return None
    except FileNotFoundError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    return Lock(path, file)


def read_note(path: Path) -> Mapping[str, object]:
    """Read who holds a lock; empty where nothing is known."""
    try:
        with path.open(encoding="utf-8") as file:
            note = json.loads(file.read(1 << 16))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def holder_in_words(note: Mapping[str, object]) -> str:
    """Name the process that a note is of."""
    if "process" not in note:
        return "another process"
    return f"process {note['process']} on {note.get('machine')} (since {note.get('since')})"


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep a folder of results to this process; it is made when absent.

    On a file system without locks the block runs all the same.

    Raises:
        OutputError: Another process works in the folder; the message says which.
    """
    with lock_file(Path(folder) / _FOLDER_LOCK, of=Path(folder)):
        yield


@contextlib.contextmanager
def lock_file(path: Path, *, of: Path) -> Iterator[None]:
    """Keep what a file stands for to this process; the file is there while it does so.

    Args:
        path: The file.
        of: What it stands for, for the message.

    Raises:
        OutputError: Another process has it; the message says which.
    """
    held = _take(path, of)
    if held is None:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes no open file: it stays, unlocked
            held.path.unlink()
        held.release()


def _take(path: Path, of: Path) -> Lock | None:
    with disk_errors_named(of):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = try_lock(path)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return None
            raise
        if held is None:
            raise OutputError(
                f"{of} is in use by {holder_in_words(read_note(path))}; wait until it has "
                "ended, or name another folder"
            )
        held.note()
    return held


def _who() -> dict[str, object]:
    return {
        "process": os.getpid(),
        "machine": platform.node(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


if sys.platform == "win32":
    import msvcrt

    _NO_FOLLOW = 0

    def _lock(file: IO[str]) -> bool:
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    _NO_LOCKS: frozenset[int] = frozenset()
else:
    import errno
    import fcntl

    _NO_FOLLOW = os.O_NOFOLLOW | os.O_CLOEXEC
    _NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS})

    def _lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
