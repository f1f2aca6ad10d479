"""Read weight files without executing anything in them, one tensor at a time.

``.safetensors`` and PyTorch's ``.th/.ckpt/.pt/.pth`` are memory-mapped; a diffusers folder is its
safetensors files. A pickle that wants more than tensors and plain containers is refused by name.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import CheckpointError

PICKLE_SUFFIXES = (".th", ".ckpt", ".pt", ".pth", ".bin")
SUFFIXES = (".safetensors", *PICKLE_SUFFIXES)

# What training frameworks leave beside the weights; each becomes an inert object, nothing is run.
_LEFTOVERS = (
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
    "lightning.pytorch.callbacks.early_stopping.EarlyStopping",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.dtypes.Float64DType",
    "numpy.dtypes.Int64DType",
    "_codecs.encode",
)


_WANTED_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")  # as torch names it in its refusal


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
        metadata: What a safetensors file says of itself.
        read: Key -> the tensor on the CPU, in the stored dtype; memory-mapped where the format
            allows, so it must not be written to.
    """

    path: Path
    tensors: Mapping[str, TensorInfo]
    read: Callable[[str], Tensor] = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Key -> shape."""
        return {key: info.shape for key, info in self.tensors.items()}


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a weight file or a diffusers folder.

    Raises:
        CheckpointError: There is no such file, it is damaged or truncated, it holds no tensors, or
            it wants code to be run.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise CheckpointError(f"no weight file at {path}; check the path")
    if path.suffix == ".safetensors":
        return _open_safetensors(path)
    if path.suffix in PICKLE_SUFFIXES:
        return _open_pickle(path)
    raise CheckpointError(
        f"{path.name} is no weight file that can be read; expected one of {', '.join(SUFFIXES)} "
        "or a diffusers folder"
    )


def _open_safetensors(path: Path) -> Checkpoint:
    try:
        opened = safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    tensors = {}
    for key in opened.keys():  # noqa: SIM118 - safe_open is no mapping
        part = opened.get_slice(key)
        if part.get_dtype() not in SAFETENSORS_DTYPES:
            raise CheckpointError(
                f"{path.name} holds {key!r} in {part.get_dtype()}, which is not read; expected one "
                f"of {', '.join(SAFETENSORS_DTYPES)}"
            )
        tensors[key] = TensorInfo(tuple(part.get_shape()), SAFETENSORS_DTYPES[part.get_dtype()])
    return Checkpoint(path, tensors, opened.get_tensor, opened.metadata() or {})


def _open_folder(path: Path) -> Checkpoint:
    """Join the safetensors files of a diffusers folder; keys get ``<sub-folder>/`` before them."""
    parts: dict[str, Checkpoint] = {}
    for name in ("unet", "vae", "text_encoder", "controlnet", "."):
        found = sorted((path / name).glob("*.safetensors"))
        # fp16 and EMA variants lie beside the plain file; one of them is enough
        chosen = [file for file in found if ".fp16" not in file.name and "non_ema" not in file.name]
        for file in chosen or found[:1]:
            part = _open_safetensors(file)
            prefix = "" if name == "." else f"{name}/"
            parts.update(dict.fromkeys((prefix + key for key in part.tensors), part))
    if not parts:
        raise CheckpointError(
            f"{path} holds no safetensors files; expected a diffusers folder "
            "(unet/, vae/, text_encoder/) or a weight file"
        )
    return Checkpoint(
        path,
        {key: part.tensors[key.rpartition("/")[2]] for key, part in parts.items()},
        lambda key: parts[key].read(key.rpartition("/")[2]),
    )


def _open_pickle(path: Path) -> Checkpoint:
    tensors = {key: value for key, value in _unpickle(path).items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{path.name} holds no tensors; expected a model's state dict")
    infos = {key: TensorInfo(tuple(value.shape), value.dtype) for key, value in tensors.items()}
    return Checkpoint(path, infos, tensors.__getitem__)


def _unpickle(path: Path) -> Mapping[str, object]:
    try:
        with _inert_leftovers(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols: what matters, torch raises
            try:
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError as error:
                if "mmap" not in str(error):
                    raise
                # written by PyTorch before 1.6: no zip archive, so nothing to map
                content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = _WANTED_GLOBAL.search(str(error))
        if wanted is None:
            raise _damaged(path, error) from error
        raise CheckpointError(
            f"{path.name} wants to run code when it is read ({wanted[1]}); nothing of it was run. "
            "Get the weights as .safetensors, or from a source you trust"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path.name} holds a {type(content).__name__}; expected a state dict or "
            '{"state_dict": ...}'
        )
    return content


@contextmanager
def _inert_leftovers() -> Iterator[None]:
    # one class a name: torch's unpickler accepts a call only of what was registered
    stand_ins = [(type("Leftover", (_Leftover,), {}), name) for name in _LEFTOVERS]
    with torch.serialization.safe_globals(list(stand_ins)):
        yield


class _Leftover:
    """Takes any arguments and state, and keeps none of them."""

    def __new__(cls, *_: object) -> _Leftover:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...


def _damaged(path: Path, error: Exception) -> CheckpointError:
    # torch's refusals start with a lecture; its archive reader's reasons end with one
    told = str(error).rpartition("WeightsUnpickler error: ")[2].strip()
    reason = "" if isinstance(error, KeyError) else re.split(r"\n|\. ", told)[0][:160]
    known = "; ".join(filter(None, (f"{path.stat().st_size:,} bytes", reason)))
    return CheckpointError(
        f"{path.name} is damaged or not wholly there, or no weight file ({known}); fetch it again"
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
