"""Signals that ask a process to end, as exceptions: all that cleans up after Ctrl-C does so too."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# docker stop, Slurm and kill send the first, a terminal that is closed the second.
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Ended(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextlib.contextmanager
def ending_signals_raised() -> Iterator[None]:
    """Raise :class:`Ended` in the block where a signal would have ended the process at once.

    Signals that somebody else handles or ignores (nohup) are left alone.
    """
    handled = []
    if threading.current_thread() is threading.main_thread():
        handled = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def raise_in_worker() -> None:
    """Let a worker process of ours clean up as well where it is asked to end."""
    for number in _ENDING:
        signal.signal(number, _end)


@contextlib.contextmanager
def workers_ended_too() -> Iterator[None]:
    """Ask the processes that were started in the block to end where it ends by an exception.

    A pool waits for what its workers have begun, which may take hours.
    """
    before = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        for worker in set(multiprocessing.active_children()) - before:
            worker.terminate()
        raise


def _end(number: int, _: FrameType | None) -> None:
    for ending in _ENDING:  # cleaning up is not to be interrupted
        signal.signal(ending, signal.SIG_IGN)
    raise Ended(number)
