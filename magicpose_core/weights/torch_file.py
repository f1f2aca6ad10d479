"""Read what ``torch.save`` writes: where the tensors of a state dict lie, then their numbers.

Two layouts: a zip archive of uncompressed entries (since PyTorch 1.6) and, before it, five pickles
with the storages behind them. The file is memory-mapped; a tensor is read when it is used.
"""

from __future__ import annotations

import io
import math
import mmap
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .mapping import map_file, release, view
from .pickle_reader import Pickled, read_pickle
from .pickled_objects import Items, OddTensor, StoredTensor

MOST_PICKLE = 64 << 20  # bytes; that of a model with its optimiser has about a million
MOST_DIRECTORY = 8 << 20  # bytes of an archive's directory: about 90,000 entries
_MOST_SHARED = 8  # tensors may share storages; together they are at most this often the file
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LOCAL_HEADER = 30  # bytes before the name of an entry


@dataclass(frozen=True)
class TorchFile:
    """The tensors of a state dict in a file, and where each storage lies in it, in bytes."""

    tensors: Mapping[str, StoredTensor]
    places: Mapping[str, range]
    content: mmap.mmap

    def read(self, key: str) -> Tensor:
        """Give a tensor on the CPU: a view of the mapped file, where its numbers are aligned."""
        tensor = self.tensors[key]
        if 0 in tensor.shape:
            return torch.empty(tensor.shape, dtype=tensor.dtype)
        flat = view(self.content, self.places[tensor.storage.key], tensor.dtype)
        return flat.as_strided(tensor.shape, tensor.stride, tensor.offset)

    def release(self, key: str) -> None:
        """Give back the memory in which a tensor's storage was read."""
        release(self.content, self.places[self.tensors[key].storage.key])


def open_torch_file(path: Path) -> TorchFile:
    """Open a file of either layout and find the tensors of its state dict.

    Raises:
        CallsCodeError: Its pickle calls into Python's standard library.
        TypeError: It holds something else than a state dict of dense tensors.
        ValueError: It is damaged, or no such file.
        OSError: It cannot be read.
    """
    with _Bounded(io.FileIO(path)) as file:
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        content = map_file(path)
        if content[:4] == b"PK\3\4":
            state, places = _read_archive(file, content)
        else:
            state, places = _read_legacy(content)
    tensors = _find_tensors(state)
    for key, tensor in tensors.items():
        _check(key, tensor, places)
    total = sum(math.prod(tensor.shape) * tensor.dtype.itemsize for tensor in tensors.values())
    if total > _MOST_SHARED * len(content):
        raise ValueError(f"its tensors would take {total:,} bytes")
    return TorchFile(tensors, places, content)


class _Bounded(io.BufferedReader):
    """A file of which no more is read at a time than the largest directory of an archive."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_DIRECTORY:
            raise ValueError(f"its archive's directory has {size:,} bytes")
        return super().read(size)


def _read_archive(file: _Bounded, content: mmap.mmap) -> tuple[object, dict[str, range]]:
    try:
        listed = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, NotImplementedError, struct.error) as error:
        raise ValueError(str(error)) from error
    entries = {entry.filename: entry for entry in listed}
    if len(entries) != len(listed):
        raise ValueError("its archive names an entry twice")
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("its archive holds no data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    if folder + "constants.pkl" in entries:
        raise ValueError("it is a TorchScript program and no state dict")
    if any(e.compress_type != zipfile.ZIP_STORED or e.flag_bits & 1 for e in listed):
        raise ValueError("its archive is compressed or encrypted, which PyTorch never writes")
    order = entries.get(folder + "byteorder")
    if order is not None and _bytes(order, content) != b"little":
        raise ValueError("it was written on a big-endian machine")
    pickled = read_pickle(io.BytesIO(_bytes(entries[pickles[0]], content)))
    places = {
        key: _place(entries[f"{folder}data/{key}"], content)
        for key in pickled.storages
        if f"{folder}data/{key}" in entries
    }
    return pickled.value, places


def _place(entry: zipfile.ZipInfo, content: mmap.mmap) -> range:
    """Find the bytes of an entry; its directory does not say how long its own header is."""
    header = content[entry.header_offset : entry.header_offset + _LOCAL_HEADER]
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\3\4":
        raise ValueError("its archive's directory points beside the entries")
    name, extra = struct.unpack_from("<HH", header, 26)
    start = entry.header_offset + _LOCAL_HEADER + name + extra
    if entry.file_size != entry.compress_size or start + entry.file_size > len(content):
        raise ValueError("its archive's entries go beyond its end")
    return range(start, start + entry.file_size)


def _bytes(entry: zipfile.ZipInfo, content: mmap.mmap) -> bytes:
    place = _place(entry, content)
    if len(place) > MOST_PICKLE:
        raise ValueError(f"its pickle has {len(place):,} bytes")
    data = content[place.start : place.stop]
    if zlib.crc32(data) != entry.CRC:
        raise ValueError("the checksum of its pickle is wrong")
    return data


def _read_legacy(content: mmap.mmap) -> tuple[object, dict[str, range]]:
    """Read magic number, version, machine, the state, the storages' keys; then the storages."""
    stream = io.BytesIO(content[:MOST_PICKLE])
    if read_pickle(stream).value != _LEGACY_MAGIC:
        raise ValueError("it is no file of PyTorch")
    _, machine, state, keys = (read_pickle(stream) for _ in range(4))
    if isinstance(machine.value, Items) and machine.value.named.get("little_endian") is False:
        raise ValueError("it was written on a big-endian machine")
    return state.value, _place_storages(state, keys.value, content, stream.tell())


def _place_storages(
    state: Pickled, keys: object, content: mmap.mmap, start: int
) -> dict[str, range]:
    places = {}
    for key in keys if isinstance(keys, list) else ():
        storage = state.storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise ValueError("it holds storages that its pickle does not know")
        count = int.from_bytes(content[start : start + 8], "little")
        places[key] = range(start + 8, start + 8 + storage.size)
        start = places[key].stop
        if count != storage.count or start > len(content):
            raise ValueError("its storages are not where they should be")
    return places


def _find_tensors(state: object) -> dict[str, StoredTensor]:
    """Find the dense tensors of a state dict; what else lies in it is passed over."""
    if isinstance(state, Items) and isinstance(state.named.get("state_dict"), Items):
        state = state.named["state_dict"]
    if not isinstance(state, Items):
        kind = "tensor" if isinstance(state, StoredTensor) else type(state).__name__
        raise TypeError(f'holds a {kind}; expected a state dict or {{"state_dict": ...}}')
    if isinstance(state.unnamed, (StoredTensor, OddTensor)):
        raise TypeError("holds a tensor whose name is no text; expected a state dict")
    tensors = {}
    for key, value in state.named.items():
        if isinstance(value, OddTensor):
            raise TypeError(f"holds {value.kind} under {key[:80]!a}; expected dense tensors")
        if isinstance(value, StoredTensor):
            tensors[key] = value
    if not tensors:
        kind = "" if state.path == "dict" else f" but a {state.path}"
        raise TypeError(f"holds no tensors{kind}; expected a model's state dict")
    return tensors


def _check(key: str, tensor: StoredTensor, places: Mapping[str, range]) -> None:
    """Refuse a tensor that its storage does not hold number by number."""
    there = len(places.get(tensor.storage.key, ()))
    held = min(there, tensor.storage.size) // tensor.dtype.itemsize
    steps = zip(tensor.shape, tensor.stride, strict=True)
    last = tensor.offset + sum((side - 1) * stride for side, stride in steps)
    if 0 not in tensor.shape and (last >= held or math.prod(tensor.shape) > held):
        raise ValueError(f"the numbers of {key[:80]!a} are not all there")
