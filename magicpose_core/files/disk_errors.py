"""Errors of the disk in words: which file, and what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError

STAGING = ".magicpose-"  # how the hidden folders begin in which results are made
NEW = "new"  # where in such a folder the results lie

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_SUCH_PLACE = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
    errno.EBUSY,
    errno.ENOTEMPTY,
}
_DISK_ERRORS = frozenset(_NO_ROOM | _NOT_ALLOWED | _NO_SUCH_PLACE)


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
            f"could not write {final_place(path)}: {error.strerror}; nothing was changed, "
            "free some space or choose another place"
        ) from error


def final_place(path: Path) -> Path:
    """Return where a result that is being made will lie: its path without the hidden folders."""
    kept: list[str] = []
    for part in Path(path).parts:
        if kept and part == NEW and kept[-1].startswith(STAGING):
            kept.pop()
        else:
            kept.append(part)
    return Path(*kept)
