"""Temporary files that vanish with the process, in a folder that the user can choose."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import OutputError

_VARIABLES = ("TMPDIR", "TEMP", "TMP")  # in the order in which Python asks them


def scratch_folder() -> Path:
    """Return the folder for temporary files: TMPDIR (TEMP on Windows), else the system's own.

    Raises:
        OutputError: The folder that was chosen is absent or cannot be written to.
    """
    for variable in _VARIABLES:
        chosen = os.environ.get(variable)
        if chosen:
            folder = Path(chosen)
            if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
                raise OutputError(
                    f"{variable} is {chosen}, where no temporary files can be written; set it to a "
                    "folder with free space"
                )
            return folder
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise OutputError(
            "there is no folder for temporary files; set TMPDIR to one with free space"
        ) from error


@contextlib.contextmanager
def open_scratch() -> Iterator[IO[bytes]]:
    """Open a temporary file that has no name where the system allows, so that no kill leaves it.

    Raises:
        OutputError: The folder for temporary files is full or cannot be written to.
    """
    folder = scratch_folder()
    with scratch_errors_named():
        file = tempfile.TemporaryFile(dir=folder, prefix="magicpose-")  # noqa: SIM115 - closed below
    with file:
        yield file


@contextlib.contextmanager
def scratch_errors_named() -> Iterator[None]:
    """Say of an error of the disk in the block that it is of the folder for temporary files.

    Raises:
        OutputError: The folder for temporary files is full or cannot be written to.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"could not write temporary files to {scratch_folder()}: {error.strerror}; free some "
            "space, or set TMPDIR to a folder that has more"
        ) from error
