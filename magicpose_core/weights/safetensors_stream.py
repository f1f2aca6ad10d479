"""Write a safetensors file one tensor at a time; the library's writer wants all in memory.

The format: 8 bytes of header length, a JSON header, the tensors' bytes without gaps.
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..files import atomic_path
from .checkpoint import SAFETENSORS_DTYPES, TensorInfo


def write_safetensors(
    path: Path,
    tensors: Mapping[str, TensorInfo],
    read: Callable[[str], Tensor],
    metadata: Mapping[str, str],
) -> None:
    """Write tensors atomically, reading each when its turn comes.

    Args:
        path: The file.
        tensors: Key -> the shape and dtype that it shall have in the file.
        read: Key -> the tensor, in any dtype.
        metadata: What the file says of itself.
    """
    names = {dtype: name for name, dtype in SAFETENSORS_DTYPES.items()}
    # the widest first, so that every tensor starts at a multiple of its width
    order = sorted(tensors, key=lambda key: -tensors[key].dtype.itemsize)
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    for key in order:
        info = tensors[key]
        size = torch.Size(info.shape).numel() * info.dtype.itemsize
        header[key] = {
            "dtype": names[info.dtype],
            "shape": list(info.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for key in order:
            tensor = read(key).to(tensors[key].dtype).contiguous().reshape(-1)
            file.write(tensor.view(torch.uint8).numpy().data)
