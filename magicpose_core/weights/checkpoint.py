"""Read weight files without executing anything in them, one tensor at a time.

``.safetensors`` and PyTorch's ``.th/.ckpt/.pt/.pth`` are memory-mapped; a diffusers folder is its
safetensors files. What a training run leaves beside the weights is passed over; a pickle that was
made to run programs is refused by the name that it calls.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import CheckpointError, InputError, one_line
from ..files import regular_file
from .mapping import map_file, release, view
from .pickled_objects import CallsCodeError
from .torch_file import open_torch_file

PICKLE_SUFFIXES = (".th", ".ckpt", ".pt", ".pth", ".bin")
SUFFIXES = (".safetensors", *PICKLE_SUFFIXES)
MOST_HEADER = 16 << 20  # bytes of a safetensors header; that of the whole model has 0.3 million
_LONGEST_KEY = 500
_MOST_TENSORS = 50_000  # a whole model with averages and motion has 5,000
_MOST_SIDES = 8
_SUB_FOLDERS = ("unet", "vae", "text_encoder", "controlnet")
_SPLIT_NAME = re.compile(r"(.+-)\d{5}-of-(\d{5})\.safetensors")


@dataclass(frozen=True)
class TensorInfo:
    """Shape and dtype of a stored tensor, known without reading it."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Checkpoint:
    """An open weight file: what it holds, and a reader for one tensor at a time.

    Attributes:
        path: The file or folder, for messages.
        tensors: Key -> shape and dtype, in the file's order.
        read: Key -> the tensor on the CPU, in the stored dtype; memory-mapped where the format
            allows, so it must not be written to.
        metadata: What a safetensors file says of itself.
        release: Key -> nothing; gives back the memory in which that tensor of a mapped file was
            read, once it was copied elsewhere.
    """

    path: Path
    tensors: Mapping[str, TensorInfo]
    read: Callable[[str], Tensor] = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    release: Callable[[str], None] = field(default=lambda key: None, repr=False)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Key -> shape."""
        return {key: info.shape for key, info in self.tensors.items()}


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a weight file or a diffusers folder.

    Raises:
        CheckpointError: There is no such file, it is damaged or truncated, it wants code to be run,
            or it holds no tensors or others than dense ones with names that can be printed.
    """
    path = Path(path)
    try:
        regular_file(path)
        return _open_folder(path) if path.is_dir() else _open_file(path)
    except InputError as error:
        raise CheckpointError(str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def _open_file(path: Path) -> Checkpoint:
    if not path.is_file():
        raise CheckpointError(f"no weight file at {path}; check the path")
    if path.suffix == ".safetensors":
        opened = _open_safetensors(path)
    elif path.suffix in PICKLE_SUFFIXES:
        opened = _open_pickle(path)
    else:
        raise CheckpointError(
            f"{path.name} is no weight file that can be read; expected one of "
            f"{', '.join(SUFFIXES)} or a diffusers folder"
        )
    _check(opened, path.stat().st_size)
    return opened


def _open_safetensors(path: Path) -> Checkpoint:
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    try:
        if MOST_HEADER < header < path.stat().st_size:
            raise ValueError(f"its header has {header:,} bytes")
        opened = safe_open(path, framework="pt")  # checks the header
        # its get_slice looks through all tensors for each one, below safetensors 0.7
        with path.open("rb") as file:
            file.seek(8)
            described = json.loads(file.read(header))
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, error) from error
    tensors, places = {}, {}
    for key in opened.keys():  # noqa: SIM118 - no mapping
        dtype, shape = described[key]["dtype"], tuple(described[key]["shape"])
        if dtype not in SAFETENSORS_DTYPES:
            raise CheckpointError(
                f"{path.name} holds {key[:80]!a} in {dtype}, which is not read; "
                f"expected one of {', '.join(SAFETENSORS_DTYPES)}"
            )
        tensors[key] = TensorInfo(shape, SAFETENSORS_DTYPES[dtype])
        first, end = described[key]["data_offsets"]
        places[key] = range(8 + header + first, 8 + header + end)
    content = map_file(path)
    return Checkpoint(
        path,
        tensors,
        lambda key: view(content, places[key], tensors[key].dtype, tensors[key].shape),
        opened.metadata() or {},
        lambda key: release(content, places[key]),
    )


def _open_folder(path: Path) -> Checkpoint:
    """Join the safetensors files of a diffusers folder; keys get ``<sub-folder>/`` before them."""
    found: dict[str, tuple[Checkpoint, str]] = {}
    for name in (*_SUB_FOLDERS, "."):
        if name == "." and found:
            continue  # whole models lie there, beside the parts that they are made of
        for file in _plain_files(path / name):
            part = _open_file(file)
            for key in part.tensors:
                whole = key if name == "." else f"{name}/{key}"
                if whole in found:
                    raise CheckpointError(
                        f"{path} holds {key[:80]!a} twice, in {found[whole][0].path.name} and "
                        f"{file.name}; keep one of them there, or name the file itself"
                    )
                found[whole] = (part, key)
    if not found:
        raise CheckpointError(
            f"{path} holds no safetensors files; expected a diffusers folder "
            "(unet/, vae/, text_encoder/) or a weight file"
        )
    return Checkpoint(
        path,
        {whole: part.tensors[key] for whole, (part, key) in found.items()},
        lambda whole: found[whole][0].read(found[whole][1]),
        release=lambda whole: found[whole][0].release(found[whole][1]),
    )


def _plain_files(folder: Path) -> list[Path]:
    """List a folder's files; fp16 and EMA variants lie beside the plain one, and one is enough.

    Raises:
        CheckpointError: Files of a split model are missing.
    """
    files = [regular_file(file) for file in sorted(regular_file(folder).glob("*.safetensors"))]
    plain = [file for file in files if ".fp16" not in file.name and "non_ema" not in file.name]
    chosen = plain or files[:1]
    for file in chosen:
        split = _SPLIT_NAME.fullmatch(file.name)
        if split and sum(other.name.startswith(split[1]) for other in files) < int(split[2]):
            raise CheckpointError(
                f"{folder} holds {file.name} but not all {int(split[2])} files of that model; "
                "fetch the others"
            )
    return chosen


def _open_pickle(path: Path) -> Checkpoint:
    try:
        opened = open_torch_file(path)
    except CallsCodeError as error:
        raise CheckpointError(
            f"{path.name} wants to run code when it is read ({one_line(str(error))}); nothing "
            "of it was run. Get the weights as .safetensors, or from a source you trust"
        ) from error
    except TypeError as error:
        raise CheckpointError(f"{path.name} {one_line(str(error))}") from error
    except ValueError as error:
        raise _damaged(path, error) from error
    known = SAFETENSORS_DTYPES.values()
    for key, tensor in opened.tensors.items():
        if tensor.dtype not in known:
            raise CheckpointError(
                f"{path.name} holds {key[:80]!a} in {str(tensor.dtype).removeprefix('torch.')}, "
                "which is not read; expected plain numbers"
            )
    infos = {key: TensorInfo(tensor.shape, tensor.dtype) for key, tensor in opened.tensors.items()}
    return Checkpoint(path, infos, opened.read, release=opened.release)


def _check(file: Checkpoint, size: int) -> None:
    """Refuse names and shapes that no model has, before anything is printed or built of them."""
    check_count(file, len(file.tensors))
    for key, info in file.tensors.items():
        if not key.isprintable() or len(key) > _LONGEST_KEY:
            raise CheckpointError(
                f"{file.path.name} holds a tensor of the name {key[:80]!a}, which cannot be "
                "printed or is too long; fetch the file again, or from a source you trust"
            )
        sides = info.shape if len(info.shape) <= _MOST_SIDES else (1 << 62,)
        if math.prod(side or 1 for side in sides) > size:  # also where a side is 0
            raise CheckpointError(
                f"{file.path.name} holds {key!r} in a shape ({one_line(str(info.shape))}) that "
                f"the file's {size:,} bytes cannot hold; fetch the file again"
            )


def check_count(file: Checkpoint, count: int) -> None:
    """Check that a model can have so many tensors.

    Raises:
        CheckpointError: It cannot.
    """
    if count > _MOST_TENSORS:
        raise CheckpointError(
            f"{file.path.name} holds {count:,} tensors, and no model has more than "
            f"{_MOST_TENSORS:,}; fetch the file again, or from a source you trust"
        )


def _damaged(path: Path, error: Exception) -> CheckpointError:
    size = path.stat().st_size
    return CheckpointError(
        f"{path.name} is damaged or not wholly there, or no weight file ({size:,} bytes; "
        f"{one_line(str(error))}); fetch it again"
    )


SAFETENSORS_DTYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
