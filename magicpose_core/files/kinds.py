"""What stands under a path: a file, a folder, or something that is never ended or replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import InputError, OutputError
from .disk_errors import final_place

_LONGEST_NAME = 255  # bytes, on every common file system
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_file(path: Path) -> Path:
    """Return the path of a file that can be read to its end.

    Raises:
        InputError: Its name cannot be one, it may not be read, or a pipe, device or socket is
            there, reading which could wait or go on for ever. An absent file is left to the reader.
    """
    check_name(path)
    refuse_waiting(path)
    refuse_unreadable(path)
    return path


def refuse_waiting(path: Path) -> None:
    """Refuse to read what is neither a file nor a folder.

    Raises:
        InputError: It is a pipe, a device or a socket.
    """
    kind = _special(path)
    if kind is not None:
        raise InputError(f"{path} is {kind}, not a file; save what comes out of it as a file first")


def refuse_unreadable(path: Path) -> None:
    """Refuse a file or folder that may not be read; nothing is said of an absent one.

    Raises:
        InputError: Its permissions, or those of a folder above it, do not allow it.
    """
    try:
        if path.is_dir():
            os.scandir(path).close()
        else:
            path.open("rb").close()
    except PermissionError as error:
        raise _may_not_be_read(path) from error
    except OSError:
        return


def paths_below(folder: Path) -> list[Path]:
    """List the files and folders below a folder at any depth, sorted; of an absent one, none.

    ``Path.rglob`` passes over folders that may not be read: part of the files, without a word.

    Raises:
        InputError: The folder or one below it cannot be read.
    """

    def refuse(error: OSError) -> None:
        if isinstance(error, PermissionError):
            raise _may_not_be_read(Path(error.filename)) from error
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise error

    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=refuse):
        found += [Path(parent, name) for name in (*folders, *files)]
    return sorted(found)


def _may_not_be_read(path: Path) -> InputError:
    return InputError(f"{path} may not be read; change its permissions, or name another place")


def refuse_special(path: Path) -> None:
    """Refuse to write over what is neither a file nor a folder.

    Raises:
        OutputError: A pipe, a device or a socket is there.
    """
    kind = _special(path)
    if kind is not None:
        raise OutputError(f"{final_place(path)} is {kind} and is not replaced; name a new file")


def check_name(path: Path) -> None:
    """Refuse what can be no name.

    Raises:
        InputError: It holds a NUL, or a part of it is longer than file systems allow.
    """
    text = str(path)
    if "\0" in text:
        raise InputError(f"{text!r} can be no file: its name holds a NUL")
    try:
        longest = max((os.fsencode(part) for part in path.parts), key=len, default=b"")
    except UnicodeEncodeError as error:
        raise InputError(f"{text!r} can be no file here ({error.reason})") from error
    if len(longest) > _LONGEST_NAME:
        shown = os.fsdecode(longest[:40])
        raise InputError(
            f"the name {shown}... has {len(longest)} bytes, and a name may have {_LONGEST_NAME}; "
            "choose a shorter one"
        )


def _special(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None  # absent, or not to be reached: reading or writing says so
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else _KINDS[stat.S_IFMT(mode)]
