"""``magicpose inspect``: what a weight file holds."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import one_line
from .terminal import say

if TYPE_CHECKING:
    from ..weights.checkpoint import Checkpoint
    from ..weights.contents import Part


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what a weight file holds",
        description="Say what weight files hold, which keys they lack and which are left over.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file or folder")
    parser.add_argument("--keys", action="store_true", help="list every key with shape and dtype")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a report for each file."""
    from ..weights.checkpoint import open_checkpoint

    for path in arguments.files:
        file = open_checkpoint(path)
        say(*report(file, keys=arguments.keys))
    return 0


def report(file: Checkpoint, *, keys: bool = False) -> list[str]:
    """Describe a file in lines of text; ``keys`` names every key."""
    from ..weights.contents import describe, find_parts, leftover_keys

    lines = [f"{file.path}: {describe(file)}"]
    notes = sorted(file.metadata.items())
    lines += [f"  {one_line(key)} = {one_line(value)}" for key, value in notes]
    parts = find_parts(file)
    for part in parts.values():
        lines += _part_lines(file, part)
        if keys:
            lines += [f"    {_key_line(file, stored)}" for stored in part.keys.values()]
    rest = leftover_keys(file)
    if rest:
        shown = rest if keys or len(rest) <= 16 else [*rest[:16], "..."]
        lines.append(f"  {len(rest)} keys of no sub-model: {', '.join(shown)}")
    total = sum(_bytes(file, key) for key in file.tensors)
    lines.append(f"  {len(file.tensors)} keys in all, {total / 1e9:.2f} GB")
    return lines


def _part_lines(file: Checkpoint, part: Part) -> list[str]:
    from ..weights.contents import PART_TITLES
    from ..weights.misfit import why_it_does_not_load

    stored = list(part.keys.values())
    numbers = sum(_numbers(file, key) for key in stored)
    kinds = Counter(str(file.tensors[key].dtype).removeprefix("torch.") for key in stored)
    first_key, first_stored = next(iter(part.keys.items()))
    prefix = (
        first_stored.removesuffix(first_key) if first_stored.endswith(first_key) else "diffusers"
    )
    line = (
        f"  {PART_TITLES[part.name]}: {len(stored)} keys ({prefix or 'no prefix'}), "
        f"{numbers / 1e6:.1f} M numbers, {'/'.join(kind for kind, _ in kinds.most_common())}"
    )
    obstacle = why_it_does_not_load(part)
    return [line, f"    does not load: {obstacle}"] if obstacle else [line]


def _key_line(file: Checkpoint, key: str) -> str:
    info = file.tensors[key]
    return f"{key} {tuple(info.shape)} {str(info.dtype).removeprefix('torch.')}"


def _numbers(file: Checkpoint, key: str) -> int:
    count = 1
    for side in file.tensors[key].shape:
        count *= side
    return count


def _bytes(file: Checkpoint, key: str) -> int:
    return _numbers(file, key) * file.tensors[key].dtype.itemsize
