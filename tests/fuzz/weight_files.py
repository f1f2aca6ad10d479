"""Hostile weight files: damaged, made up, or meant to run code, in every format that is read."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import pickletools
import random as random_numbers
import struct
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from magicpose_core.models.networks import build_unet, build_vae
from magicpose_core.models.sd15 import TextShape, UNetShape, VaeShape
from magicpose_core.models.text import TextEncoder
from magicpose_core.training.export import export, text_part, vae_part
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.ldm import unet_map

from .harness import Case, command_line
from .mutate import mutate

UNET = UNetShape(channels=(32, 64), attention=(True, False), resnets=1, context=16, heads=4)
VAE = VaeShape(channels=(32,), resnets=1)
TEXT = TextShape(width=16, layers=1, heads=2, feed_forward=16, vocabulary=8, positions=7)


@functools.cache
def narrow_state() -> Mapping[str, torch.Tensor]:
    """A U-Net, an autoencoder and a text encoder of few keys, in the released layout."""
    parts = {
        "unet": (build_unet(UNET), unet_map(UNET)),
        "vae": vae_part(build_vae(VAE)),
        "text": text_part(TextEncoder(TEXT)),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = export(Path(folder) / "seed.safetensors", parts, dtype=torch.float16, heads=4)
        return load_file(path)


class RunsCode:
    """A pickle that makes a folder where it is executed."""

    def __init__(self, path: Path, function: Callable[..., object] = os.mkdir) -> None:
        self.path, self.function = path, function

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return self.function, (str(self.path),)


@functools.cache
def seeds() -> Mapping[str, bytes]:
    """Sound files to damage, by their suffix and kind."""
    state = narrow_state()
    training = {
        "state_dict": OrderedDict(state),
        "epoch": 3,
        "optimizer_states": [
            {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1}]}
        ],
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best": 0.5}},
    }
    return {
        ".safetensors": _saved(lambda file: save_file(dict(state), file, {"magicpose.heads": "4"})),
        ".th": _saved(lambda file: torch.save(OrderedDict(state), file)),
        ".ckpt": _saved(lambda file: torch.save(training, file)),
        ".pth": _saved(lambda file: torch.save(state, file, _use_new_zipfile_serialization=False)),
    }


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
        _saved(lambda file: torch.save(whole, file, _use_new_zipfile_serialization=zipped)),
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


def rezipped(content: bytes, change: Callable[[str, bytes], bytes], method: int = 0) -> bytes:
    """Write an archive anew with each entry changed, checksums and all."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", method) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return result.getvalue()


def _saved(save: Callable[[str], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        save(str(path))
        return path.read_bytes()


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
