"""Write files so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from .errors import OutputError


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name when the block succeeds.

    Args:
        path: The file to be written; its folder is made when absent. The temporary name keeps the
            suffix, so that writers that go by it (PyAV, Pillow) still know the format.

    Yields:
        The path to write to. When the block raises (Ctrl-C included) it is removed and a file that
        stood at ``path`` before is left as it was.

    Raises:
        OutputError: The disk is full, or there can be no such file.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    with disk_errors_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("r+b") as written:  # Windows flushes only what it may write to
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


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
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    with disk_errors_named(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(
                f"{folder} is there and not empty; name a new folder, or remove this one first"
            )
        try:
            temporary.mkdir(parents=True)
            yield temporary
            if folder.exists():
                folder.rmdir()  # Windows renames onto nothing that exists
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def disk_errors_named(path: Path) -> Iterator[None]:
    """Turn errors of the disk in the block into one that names ``path`` and the remedy.

    Raises:
        OutputError: The disk is full, or there can be no such file.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError) or error.errno not in _DISK_ERRORS:
            raise
        raise OutputError(
            f"could not write {path}: {error.strerror}; nothing was changed, "
            "free some space or choose another place"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_SUCH_PLACE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG}
_DISK_ERRORS = frozenset(_NO_ROOM | _NOT_ALLOWED | _NO_SUCH_PLACE)
