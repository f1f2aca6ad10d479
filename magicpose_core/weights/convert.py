"""Put sub-models from any readable files into safetensors, one tensor in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..files import open_result
from ..models.sd15 import VaeShape
from .checkpoint import Checkpoint, TensorInfo, check_count, open_checkpoint
from .contents import RELEASED_PREFIXES, Part, PartName, describe, find_parts, leftover_keys
from .heads import Heads
from .ldm import vae_map
from .notes import NOTE_KEY, ModelNote, unite_notes, write_note
from .safetensors_stream import write_safetensors
from .settings import DtypeName

DTYPES: Mapping[DtypeName, torch.dtype] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}

_VAE_MAP = vae_map(VaeShape())  # an autoencoder of any size has the same matrices

# What `split` writes: file -> prefix of each sub-model in it. ComfyUI's own loaders read the first
# and the last.
SPLIT_FILES: Mapping[str, Mapping[PartName, str]] = {
    "sd15.safetensors": {name: RELEASED_PREFIXES[name] for name in ("unet", "vae", "text")},
    "appearance.safetensors": {"appearance": RELEASED_PREFIXES["appearance"]},
    "pose.safetensors": {"pose": "control_model."},
    "motion.safetensors": {"motion": RELEASED_PREFIXES["motion"]},
}


def convert(
    sources: Iterable[Path],
    out: Path,
    *,
    dtype: torch.dtype,
    split: bool = False,
    heads: int | None = None,
    text_heads: int | None = None,
    note: ModelNote | None = None,
) -> list[Path]:
    """Convert weight files.

    Args:
        sources: Files or diffusers folders; each sub-model is taken from the first that holds it.
        out: The safetensors file, or the folder where ``split`` is set.
        dtype: Of the weights; schedule buffers and integers stay as they are.
        split: Write sd15, appearance, pose and motion apart (:data:`SPLIT_FILES`), as far as they
            exist; the file of one that does not exist is removed: all are of one conversion.
        heads: Attention heads to note in the metadata; None keeps what the source says.
        text_heads: Those of the text encoder.
        note: What the files shall say of the model; None keeps what the source says.

    Returns:
        The files written.

    Raises:
        CheckpointError: A source cannot be read, or holds nothing that belongs to MagicPose.
        OutputError: The disk is full; nothing that was there before is changed.
    """
    collected = _collect(sources)
    metadata = {**collected.metadata, **Heads(unet=heads, text=text_heads).note()}
    if note is not None:
        metadata[NOTE_KEY] = write_note(note)
    if not split:
        _write(out, collected.parts, RELEASED_PREFIXES, collected.buffers, dtype, metadata)
        return [out]
    with open_result([out / name for name in SPLIT_FILES]) as staged:
        written = []
        for name, prefixes in SPLIT_FILES.items():
            inside = {part: collected.parts[part] for part in prefixes if part in collected.parts}
            if inside:
                _write(staged(out / name), inside, prefixes, {}, dtype, metadata)
                written.append(out / name)
    return written


@dataclass(frozen=True)
class _Collected:
    parts: Mapping[PartName, Part]
    buffers: Mapping[str, Checkpoint]  # the schedule's, by key
    metadata: Mapping[str, str]


def _collect(sources: Iterable[Path]) -> _Collected:
    """Take each sub-model, buffer and word of a note from the first source that has it."""
    parts: dict[PartName, Part] = {}
    buffers: dict[str, Checkpoint] = {}
    metadata = {"format": "pt"}
    for source in sources:
        file = open_checkpoint(source)
        found = find_parts(file)
        if not found:
            raise CheckpointError(
                f"{file.path.name} holds nothing that can be converted; it seems to be "
                f"{describe(file)}"
            )
        # a tensor can belong to several parts
        check_count(file, sum(len(part.keys) for part in found.values()))
        parts = {**found, **parts}
        buffers = {**{key: file for key in leftover_keys(file) if "." not in key}, **buffers}
        if NOTE_KEY in file.metadata and NOTE_KEY in metadata:
            metadata[NOTE_KEY] = unite_notes(metadata[NOTE_KEY], file.metadata[NOTE_KEY])
        metadata = {**file.metadata, **metadata}
    return _Collected(parts, buffers, metadata)


def _write(
    path: Path,
    parts: Mapping[PartName, Part],
    prefixes: Mapping[PartName, str],
    buffers: Mapping[str, Checkpoint],
    dtype: torch.dtype,
    metadata: Mapping[str, str],
) -> None:
    origins = {key: (file, key) for key, file in buffers.items()}
    infos = {key: file.tensors[key] for key, file in buffers.items()}
    for name, part in parts.items():
        for key, stored in part.keys.items():
            info = part.file.tensors[stored]
            kept = dtype if info.dtype.is_floating_point else info.dtype
            origins[prefixes[name] + key] = (part.file, stored)
            infos[prefixes[name] + key] = TensorInfo(_ldm_shape(name, key, info.shape), kept)

    def read(key: str) -> Tensor:
        file, stored = origins[key]
        return file.read(stored)

    write_safetensors(path, infos, read, metadata)


def _ldm_shape(name: PartName, key: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give a matrix of diffusers' autoencoder the shape of the 1x1 convolution it is in LDM."""
    if name != "vae":
        return shape
    return tuple(_VAE_MAP.to_ldm(key, torch.empty(shape, device="meta")).shape)
