"""Write files so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import os
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
        OutputError: The disk is full or the folder cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, OutputError) or error.errno not in _DISK_ERRORS:
            raise
        raise OutputError(
            f"could not write {path}: {error.strerror}; nothing was changed, "
            "free some space or choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


_DISK_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG}
)
