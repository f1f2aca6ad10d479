"""Count what a process changes in the file system, and end it just before one of the changes.

Putting files in place takes half a millisecond of CPU time: a random moment all but never hits it.
What libraries in C change on their own (a video's packets, a picture's pixels) is not counted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

_CHANGES = (
    *("os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"),
    "os.utime",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_NO_FILES = ("/dev/", "/proc/")


def count_changes(end: tuple[int, signal.Signals] | None = None) -> Callable[[], int]:
    """Count this process's changes from now on.

    Args:
        end: The number of a change, from 1 on, and the signal that the process gets before it.

    Returns:
        What gives their number so far.
    """
    count = 0

    def listen(event: str, values: tuple[object, ...]) -> None:
        nonlocal count
        if event in _CHANGES or (event == "open" and _writes(*values)):
            count += 1
            if end is not None and count == end[0]:
                os.kill(os.getpid(), end[1])

    sys.addaudithook(listen)
    return lambda: count


def _writes(path: object, _: object, flags: object) -> bool:
    is_file = not os.fsdecode(path).startswith(_NO_FILES) if isinstance(path, str | bytes) else True
    return is_file and isinstance(flags, int) and bool(flags & _WRITES)
