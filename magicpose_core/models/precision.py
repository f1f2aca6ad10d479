"""The precision that a CPU computes fastest: measured once, and remembered.

Instruction sets do not tell: a processor may know bf16 and multiply it more slowly than float32. So
a convolution, a product and attention of the U-Net's shapes are timed in each precision, and what
came out is kept in a file for the machine and PyTorch's version, so that no two runs differ.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import OutputError
from ..files import lock_file, write_text
from .cores import processor_name

CANDIDATES: Mapping[str, torch.dtype] = {  # float32 first: the others have to beat it
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
_PAYS = 1.2  # times faster that half precision must be, to be worth its rounding
_CHANNELS, _HEADS = 320, 8  # of the U-Net's finest level
_SHARES = (0.60, 0.26, 0.14)  # of its FLOPs: convolutions, products, attention
_ENOUGH = 0.003  # seconds of one convolution that a clock can tell apart
_LONG = 0.03  # seconds after which one try is enough
_TRIES = 5
_WAITS, _WAIT = 50, 0.1  # for another process that measures
_log = logging.getLogger("magicpose")


@dataclass(frozen=True, kw_only=True)
class MeasuredPrecision:
    """What the probe found.

    Attributes:
        dtype: The precision to compute in: ``fp32``, ``bf16`` or ``fp16``.
        seconds: Precision -> seconds per GFLOP of the U-Net's mix of work; at least so many for a
            precision that was given up, once it had taken longer than a faster one in all.
    """

    dtype: str
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        """Say it in one line: ``fp32 by measurement (fp32 45 GFLOP/s, bf16 under 2, ...)``."""
        rates = [f"{name} {1 / each:.3g} GFLOP/s" for name, each in self.seconds.items() if each]
        return f"{self.dtype} by measurement ({', '.join(rates)})"


def measured_precision(*, again: bool = False) -> MeasuredPrecision | None:
    """Recall the fastest precision of this CPU, or measure it; None where nothing can be kept.

    Args:
        again: Measure even where there is something to recall.
    """
    file = memory_file()
    recalled = None if again else recall(file)
    if recalled is not None:
        return recalled
    try:
        with _turn(file):
            recalled = None if again else recall(file)  # another process has measured meanwhile
            if recalled is None:
                recalled = probe()
                remember(file, recalled)
            return recalled
    except OutputError as error:
        _log.warning(
            "the fastest precision of this CPU cannot be kept (%s), so it is not measured; "
            "computing in fp32",
            error,
        )
        return None


def probe() -> MeasuredPrecision:
    """Measure: under half a second, unless others use the processor."""
    side, seconds = _enough_cells(), dict[str, float]()
    for name, dtype in CANDIDATES.items():
        seconds[name] = _mixed_seconds(dtype, side, give_up=min(seconds.values(), default=math.inf))
    narrow = min((name for name in seconds if name != "fp32"), key=seconds.__getitem__)
    faster = seconds["fp32"] / seconds[narrow]
    return MeasuredPrecision(dtype=narrow if faster >= _PAYS else "fp32", seconds=seconds)


def memory_file() -> Path:
    """Name the file in which this machine's precision is kept with this PyTorch."""
    machine = f"{processor_name()}, torch {torch.__version__}"
    name = hashlib.sha256(machine.encode()).hexdigest()[:16]
    return _cache_folder() / f"precision-{name}.json"


def recall(file: Path) -> MeasuredPrecision | None:
    """Read what was measured; None where there is nothing that can be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        dtype = content["dtype"]
        seconds = {str(name): float(value) for name, value in content["seconds"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return MeasuredPrecision(dtype=dtype, seconds=seconds) if dtype in CANDIDATES else None


def remember(file: Path, found: MeasuredPrecision) -> None:
    """Keep what was measured.

    Raises:
        OutputError: The file cannot be written.
    """
    content = {
        "processor": processor_name(),
        "torch": torch.__version__,
        "dtype": found.dtype,
        "seconds": dict(found.seconds),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{file.parent} cannot be made: {error.strerror}") from error
    write_text(file, json.dumps(content, indent=1))


def _cache_folder() -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    if sys.platform == "win32":
        named = named or os.environ.get("LOCALAPPDATA")
    return (Path(named) if named else Path.home() / ".cache") / "magicpose"


@contextlib.contextmanager
def _turn(file: Path) -> Iterator[None]:
    """Wait until no other process measures."""
    waits = _WAITS
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(lock_file(file.with_suffix(".lock"), of=file))
                break
            except OutputError:
                waits -= 1
                if not waits or not file.parent.is_dir():
                    raise
                time.sleep(_WAIT)
        yield


def _enough_cells() -> int:
    """Choose the side of the work, so that the clock can tell and a slow processor is done soon."""
    side = 8
    while side < 64 and _seconds(_convolution(torch.float32, side)) < _ENOUGH:
        side *= 2
    return side


def _mixed_seconds(dtype: torch.dtype, side: int, *, give_up: float) -> float:
    total = 0.0
    work = (_convolution, _product, _attention)
    for share, make in zip(_SHARES, work, strict=True):
        made = make(dtype, side)
        total += share * _seconds(made) / made.gflop
        if total >= give_up:
            break
    return total


@dataclass(frozen=True)
class _Work:
    run: Callable[[], Tensor]
    gflop: float


def _convolution(dtype: torch.dtype, side: int) -> _Work:
    pixels = _numbers(dtype, 1, _CHANNELS, side, side)
    kernel = _numbers(dtype, _CHANNELS, _CHANNELS, 3, 3)
    gflop = 2 * 9 * _CHANNELS**2 * side**2 / 1e9
    return _Work(lambda: F.conv2d(pixels, kernel, padding=1), gflop)


def _product(dtype: torch.dtype, side: int) -> _Work:
    tokens, weight = (
        _numbers(dtype, side**2, _CHANNELS),
        _numbers(dtype, 8 * _CHANNELS, _CHANNELS),
    )
    return _Work(lambda: F.linear(tokens, weight), 2 * 8 * _CHANNELS**2 * side**2 / 1e9)


def _attention(dtype: torch.dtype, side: int) -> _Work:
    """Attend to the frame's own tokens and to as many of the reference."""
    width = _CHANNELS // _HEADS
    queries = _numbers(dtype, 1, _HEADS, side**2, width)
    keys = _numbers(dtype, 1, _HEADS, 2 * side**2, width)
    gflop = 4 * _CHANNELS * side**2 * 2 * side**2 / 1e9
    return _Work(lambda: F.scaled_dot_product_attention(queries, keys, keys), gflop)


def _numbers(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.linspace(-1, 1, math.prod(shape)).reshape(shape).to(dtype)


def _seconds(work: _Work) -> float:
    """Time the best of a few tries; the first one warms up, and is enough where it is long."""
    taken: list[float] = []
    with torch.inference_mode():
        for _ in range(1 + _TRIES):
            start = time.perf_counter()
            work.run()
            taken.append(time.perf_counter() - start)
            if taken[-1] > _LONG:
                break
    return min(taken[1:] or taken)
