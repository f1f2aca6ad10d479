"""Make what training reads ahead of time, in other processes: a GPU does not wait for it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from typing import TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

_log = logging.getLogger("magicpose")

_Made = TypeVar("_Made")
_MOST_WORKERS = 16
_WAITING = 4  # things made and not yet taken, of each process


def choose_workers(named: int | None, device: torch.device) -> int:
    """Give the number of processes that make things ahead.

    Args:
        named: As configured; None takes all cores but one where a GPU trains, and none on a CPU,
            whose cores have enough to do.
        device: That trains.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        if named:  # what is made closes over the data, which other processes can only inherit
            _log.warning("run.workers %d needs a system that can fork; this one makes none", named)
        return 0
    if named is not None:
        return named
    return 0 if device.type == "cpu" else min(_MOST_WORKERS, (os.cpu_count() or 1) - 1)


def made_ahead(
    make: Callable[[int], _Made], numbers: range, workers: int, *, pinned: bool = False
) -> Iterator[_Made]:
    """Yield ``make(number)`` for each number, in their order.

    Args:
        make: The same number makes the same thing, wherever and whenever; on the CPU alone.
        numbers: One after the other.
        workers: Processes that make them meanwhile; 0 makes each when it is asked for.
        pinned: Put tensors where a GPU fetches them without waiting.
    """
    if not workers or not numbers:
        yield from map(make, numbers)
        return
    yield from DataLoader(
        _Numbered(make, numbers),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_WAITING,
        pin_memory=pinned,
        collate_fn=_as_it_is,
        worker_init_fn=_settle,
        multiprocessing_context="fork",
        generator=torch.Generator(),  # of its own: it would draw from the global one
    )


class _Numbered(Dataset[_Made]):
    def __init__(self, make: Callable[[int], _Made], numbers: range) -> None:
        self._make = make
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int) -> _Made:
        return self._make(self._numbers[place])


def _as_it_is(made: _Made) -> _Made:
    return made


def _settle(_: int) -> None:
    cv2.setNumThreads(0)  # torch does so by itself
    # Where a signal ends all processes at once, the one that trains says so. Torch would have it
    # say as well, with a traceback, that these did not go of themselves.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
