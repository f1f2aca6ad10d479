"""Which part of a list of jobs a process renders, said by hand or by what started it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..errors import InputError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Part ``number`` of ``count``, counted from 1."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(
                f"a shard is NUMBER/COUNT with 1 <= NUMBER <= COUNT, got {self.number}/{self.count}"
            )

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Give this part; the parts are disjoint, together all, and differ by one at most."""
        return list(items[self.number - 1 :: self.count])

    def __str__(self) -> str:
        """``2/8``."""
        return f"{self.number}/{self.count}"


def read_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Read ``2/8``, or with ``auto`` what Slurm or torchrun say.

    Args:
        text: One of these.
        environment: The process's variables.

    Raises:
        InputError: It is neither, or neither of the two has started this process.
    """
    if text == "auto":
        return _started_by(environment)
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if not found:
        raise InputError(f"a shard is 2/8 (the second of eight) or auto, got {text!r}")
    return Shard(int(found[1]), int(found[2]))


def local_rank(environment: Mapping[str, str]) -> int | None:
    """Tell which process of its machine torchrun has started this one as, from 0."""
    return int(environment["LOCAL_RANK"]) if "LOCAL_RANK" in environment else None


def _started_by(environment: Mapping[str, str]) -> Shard:
    def number(name: str, default: int) -> int:
        return int(environment.get(name, default))

    if "RANK" in environment and "WORLD_SIZE" in environment:
        return Shard(number("RANK", 0) + 1, number("WORLD_SIZE", 1))
    if "SLURM_ARRAY_TASK_ID" in environment:
        first, step = number("SLURM_ARRAY_TASK_MIN", 0), number("SLURM_ARRAY_TASK_STEP", 1)
        task = (number("SLURM_ARRAY_TASK_ID", 0) - first) // step
        if "SLURM_ARRAY_TASK_COUNT" not in environment:
            raise InputError(
                "SLURM_ARRAY_TASK_ID is set and SLURM_ARRAY_TASK_COUNT is not; name the shard as "
                "NUMBER/COUNT"
            )
        return Shard(task + 1, number("SLURM_ARRAY_TASK_COUNT", 1))
    raise InputError(
        "shard auto asks Slurm (SLURM_ARRAY_TASK_ID) or torchrun (RANK, WORLD_SIZE), and neither "
        "has started this process; name it as NUMBER/COUNT"
    )
