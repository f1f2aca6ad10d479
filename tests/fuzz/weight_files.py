"""Hostile weight files: damaged, made up, or meant to run code, in every format that is read."""

from __future__ import annotations

import functools
import json
import os
import pickle
import pickletools
import random as random_numbers
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from magicpose_core.weights.checkpoint import open_checkpoint

from .found_weight_files import FOUND, MOST
from .harness import command_line
from .mutate import mutate
from .outcomes import Case
from .weight_seeds import narrow_state, rezipped, saved, seeds


class RunsCode:
    """A pickle that makes a folder where it is executed."""

    def __init__(self, path: Path, function: Callable[..., object] = os.mkdir) -> None:
        self.path, self.function = path, function

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return self.function, (str(self.path),)


def make_case(folder: Path, random: random_numbers.Random) -> Case:
    """Write a hostile weight file into ``folder`` and choose what is tried on it."""
    suffix = random.choice(list(seeds()))
    content, done = random.choice(_ATTACKS[suffix])(seeds()[suffix], random, folder / "executed")
    path = folder / f"weights{suffix}"
    path.write_bytes(content)
    tried, action, command = random.choice(
        (
            ("read", lambda: read_all(path), False),
            ("inspect", command_line(["inspect", "--keys", str(path)]), True),
            (
                "convert",
                command_line(["convert", str(path), "--out", str(folder / "o.safetensors")]),
                True,
            ),
        )
    )
    return Case(
        f"{tried} {suffix} {done}",
        action,
        naming=path.name,
        command=command,
        canary=folder / "executed",
    )


def known_cases() -> Iterator[tuple[str, Callable[[Path], Case]]]:
    """Give every file that was once badly received, at its full size."""
    for name, build in FOUND.items():
        for tried in ("inspect", "convert"):
            yield f"{tried} {name}", functools.partial(known_case, name, build, tried)


def known_case(
    name: str, build: Callable[[int], bytes], tried: str, folder: Path, *, many: int = MOST
) -> Case:
    """Make the case of a known file."""
    path = folder / name
    path.write_bytes(build(many))
    words = ["inspect", "--keys", str(path)]
    if tried == "convert":
        words = ["convert", str(path), "--out", str(folder / "out.safetensors")]
    return Case(name, command_line(words), naming=name, command=True)


def read_all(path: Path) -> int:
    """Open a file and read each of its tensors."""
    file = open_checkpoint(path)
    return sum(file.read(key).numel() for key in file.tensors)


def _damaged_bytes(content: bytes, random: random_numbers.Random, _: Path) -> tuple[bytes, str]:
    return mutate(content, random)


def _damaged_pickle(content: bytes, random: random_numbers.Random, _: Path) -> tuple[bytes, str]:
    """Damage the pickle in an archive that is sound otherwise."""
    done = []

    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("data.pkl"):
            return data
        data, text = mutate(data, random, most=2)
        done.append(text)
        return data

    return rezipped(content, change), f"pickle {'+'.join(done)}"


def _swapped_opcodes(content: bytes, random: random_numbers.Random, _: Path) -> tuple[bytes, str]:
    """Put other opcodes where opcodes of the pickle are, all of which exist."""

    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("data.pkl"):
            return data
        places = [place or 0 for _, _, place in pickletools.genops(data)]
        changed = bytearray(data)
        for _ in range(random.randint(1, 4)):
            changed[random.choice(places)] = random.choice(_OPCODES)
        return bytes(changed)

    return rezipped(content, change), "opcodes"


def _evil(content: bytes, random: random_numbers.Random, canary: Path) -> tuple[bytes, str]:
    """Hide a call among the weights."""
    function = random.choice((os.mkdir, os.system, eval, exec, __import__))
    name = canary if function is os.mkdir else f"__import__('os').mkdir({str(canary)!r})"
    evil = RunsCode(name, function)
    place = random.choice(("state_dict", "hyper_parameters", "optimizer_states"))
    whole = {"state_dict": dict(narrow_state()), place: evil}
    zipped = random.random() < 0.8
    return (
        saved(lambda file: torch.save(whole, file, _use_new_zipfile_serialization=zipped)),
        f"code in {place}",
    )


def _odd_header(content: bytes, random: random_numbers.Random, _: Path) -> tuple[bytes, str]:
    """Change values in the header of a safetensors file."""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    key = random.choice(list(header))
    entry = header[key]
    if key == "__metadata__":
        header[key] = random.choice(_ODD_NOTES)
    else:
        entry[random.choice(list(entry))] = random.choice(_ODD_VALUES)
        if random.random() < 0.5:
            header[random.choice(_ODD_NAMES)] = header.pop(key)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :], f"header of {key}"


_OPCODES = [
    getattr(pickle, name)[0]
    for name in dir(pickle)
    if name.isupper()
    and isinstance(getattr(pickle, name), bytes)
    and len(getattr(pickle, name)) == 1
]
_ODD_VALUES = (
    [],
    [0, 1 << 62],
    [1 << 62],
    [-1],
    "F32",
    "U16",
    "F99",
    None,
    1e300,
    [1, 2, 3],
    [0, 0],
)
_ODD_NAMES = ("", "\x1b[31mred", "a\nb", "x" * 5000, "..", "\u202eesrever", "__metadata__")
_ODD_NOTES = (
    {"magicpose.heads": "9" * 5000},
    {"magicpose.heads": "-1"},
    {"magicpose.heads": "³"},
    {"magicpose.heads": "\x1b[2J"},
    {"note": "\x1b[2J\x07"},
    {"magicpose.heads": 4},
    [],
)
_ATTACKS: Mapping[str, tuple[Callable[..., tuple[bytes, str]], ...]] = {
    ".safetensors": (_damaged_bytes, _odd_header),
    ".th": (_damaged_bytes, _damaged_pickle, _swapped_opcodes),
    ".ckpt": (_damaged_bytes, _damaged_pickle, _swapped_opcodes, _evil),
    ".pth": (_damaged_bytes,),
}
