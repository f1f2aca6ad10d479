"""How many threads a CPU has work for: its real cores, within the limits of a container."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

_THREADS_NAMED_IN = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def processor_name() -> str:
    """Name the processor; ``platform`` leaves it empty on Linux."""
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def threads_to_use() -> int | None:
    """Count the threads that networks should run on; None where the environment names a number.

    One a real core, since two threads of one core share its multipliers, and no more than a
    container may use: the quota stops threads beyond it in the middle of their work.
    """
    if any(os.environ.get(name) for name in _THREADS_NAMED_IN):
        return None
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    cores = (os.cpu_count() or 1) if usable is None else real_cores(usable)
    limit = cpu_limit()
    return cores if limit is None else max(1, min(cores, int(limit)))


def real_cores(usable: Iterable[int], root: Path = Path("/")) -> int:
    """Count the cores behind logical processors; each is one where Linux does not say."""
    cores = set()
    for number in usable:
        told = root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"
        cores.add(_text(told) or f"{number}")
    return max(1, len(cores))


def cpu_limit(root: Path = Path("/")) -> float | None:
    """Read how many processors' time the cgroups of this process may use; None without a limit."""
    limits = [limit for limit in _limits(root) if limit is not None]
    return min(limits, default=None)


def _limits(root: Path) -> Iterator[float | None]:
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":  # version 2
            yield from map(_quota, _upwards(root / "sys/fs/cgroup", group))
        elif "cpu" in controllers.split(","):
            yield from map(_old_quota, _upwards(root / "sys/fs/cgroup" / controllers, group))


def _upwards(mounted: Path, group: str) -> list[Path]:
    """List a group's folder and those above it; inside a container it is the top one itself."""
    inside = mounted / group.strip("/")
    return [inside, *(parent for parent in inside.parents if parent.is_relative_to(mounted))]


def _quota(folder: Path) -> float | None:
    quota, _, period = (_text(folder / "cpu.max") or "").partition(" ")
    return _share(quota, period)


def _old_quota(folder: Path) -> float | None:
    return _share(
        _text(folder / "cpu.cfs_quota_us") or "", _text(folder / "cpu.cfs_period_us") or ""
    )


def _share(quota: str, period: str) -> float | None:
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None  # ``max`` and -1 are no limit
    return int(quota) / int(period)


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
