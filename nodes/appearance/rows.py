"""Which rows of ComfyUI's batch belong together, and how to run some of them alone.

ComfyUI stacks the halves of guidance (chunks, marked by ``cond_or_uncond``), each with all frames
of the pass, into one batch of rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from ...magicpose_core.sampling.settings import ControlMode
from ..comfy_types import Options
from .halves import is_positive


class Reading(NamedTuple):
    """What rows that read the reference have in common.

    Attributes:
        timestep: Their timestep.
        text: The first row with their text; 0 where the text does not matter.
    """

    timestep: float
    text: int


def group_rows(
    options: Options, timesteps: Tensor, control_mode: ControlMode, context: Tensor | None
) -> dict[Reading | None, list[int]]:
    """Group rows by what they read of the reference, None for nothing.

    Args:
        options: Their ``cond_or_uncond`` tells the halves of guidance apart.
        timesteps: (B,).
        control_mode: ``image_cfg`` lets the conditional rows read, ``balance`` all.
        context: (B, L, C) text where the appearance depends on the row's text, else None.
    """
    chunks: list[int] = options.get("cond_or_uncond", [0])
    rows_per_chunk = timesteps.shape[0] // len(chunks)
    texts = [0] * timesteps.shape[0] if context is None else _first_equal_rows(context)
    groups: dict[Reading | None, list[int]] = {}
    for row, (timestep, text) in enumerate(zip(timesteps.tolist(), texts, strict=True)):
        reads = control_mode == "balance" or is_positive(options, chunks[row // rows_per_chunk])
        groups.setdefault(Reading(timestep, text) if reads else None, []).append(row)
    return groups


def take_rows(value: Any, rows: list[int], batch: int) -> Any:
    """Take rows of every tensor in ``value`` that has one row for each of the batch.

    Dicts, lists and tuples are walked and copied, so that a consumer may empty them.
    """
    if isinstance(value, Tensor):
        return value[rows] if value.ndim and value.shape[0] == batch else value
    if isinstance(value, dict):
        return {key: take_rows(item, rows, batch) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(take_rows(item, rows, batch) for item in value)
    return value


def options_of_rows(options: Options, rows: list[int], batch: int) -> Options:
    """Copy the options so that their entries of one per chunk fit the rows."""
    part = dict(options)
    for name in ("cond_or_uncond", "uuids"):
        if name in options:
            rows_per_chunk = batch // len(options[name])
            kept = dict.fromkeys(row // rows_per_chunk for row in rows)
            part[name] = [options[name][chunk] for chunk in kept]
    return part


def _first_equal_rows(context: Tensor) -> list[int]:
    """For each row the first one with the same text."""
    first = [-1] * context.shape[0]
    while -1 in first:
        row = first.index(-1)
        equal = (context == context[row]).flatten(1).all(dim=1).tolist()
        first = [row if same and old == -1 else old for old, same in zip(first, equal, strict=True)]
    return first
