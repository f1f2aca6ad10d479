"""Latents and pose maps of a data set, computed once and read from disk in training.

Kept are the posterior's mean and log variance, so that training still draws a fresh sample of it
each time, as the authors do. A frame's crop is drawn once, here, for the frame and its map alike.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from ..data.frames import PosedFrame, Subject
from ..errors import InputError, OutputError
from ..files import open_result, sweep
from ..images import from_uint8, unit_to_signed
from ..models.sd15 import LATENT_STRIDE
from ..models.vae import encode_moments
from .ahead import made_ahead

INDEX = "index.json"
_MOMENTS, _POSE_MAPS = "moments.npy", "pose_maps.npy"
_TOGETHER = 16

_log = logging.getLogger("magicpose")


@dataclass(frozen=True)
class LatentCache:
    """Frames of subjects as latents; the arrays stay on disk until a batch reads them.

    Attributes:
        moments: (N, 8, h, w) float16, mean and log variance of the unscaled posterior.
        pose_maps: (N, H, W, 3) uint8.
        names: Of the subjects.
        bounds: (S, 2) first frame and one behind the last, of each subject.
        gaps: Frames before which others were left out, rising.
    """

    moments: NDArray[np.float16]
    pose_maps: NDArray[np.uint8]
    names: tuple[str, ...]
    bounds: NDArray[np.int64]
    gaps: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def shard(self, rank: int, world_size: int) -> LatentCache:
        """Keep every ``world_size``-th subject, so that processes see other people."""
        if world_size > len(self.names):
            raise InputError(
                f"{len(self.names)} subjects cannot be shared among {world_size} processes; "
                "start fewer or add data"
            )
        chosen = slice(rank, None, world_size)
        return dataclasses.replace(self, names=self.names[chosen], bounds=self.bounds[chosen])

    def read_moments(self, frames: Tensor) -> Tensor:
        """Read the moments of frames (B,) -> (B, 8, h, w) float32."""
        return torch.from_numpy(self.moments[frames.numpy()]).float()

    def read_pose_maps(self, frames: Tensor) -> Tensor:
        """Read the pose maps of frames (B,) -> (B, 3, H, W) in [0, 1]."""
        return from_uint8(self.pose_maps[frames.numpy()])

    def on_device(self, device: torch.device) -> FramesOnDevice:
        """Copy all frames to a device."""
        return FramesOnDevice(
            torch.from_numpy(np.array(self.moments)).to(device),
            torch.from_numpy(np.array(self.pose_maps)).to(device),
        )


@dataclass(frozen=True)
class FramesOnDevice:
    """The frames of a cache on a GPU, which then waits for nothing but a batch's numbers.

    Attributes:
        moments: (N, 8, h, w) float16.
        pose_maps: (N, H, W, 3) uint8.
    """

    moments: Tensor
    pose_maps: Tensor

    def read_moments(self, frames: Tensor) -> Tensor:
        """Read the moments of frames (B,) -> (B, 8, h, w) float32."""
        return self.moments[frames].float()

    def read_pose_maps(self, frames: Tensor) -> Tensor:
        """Read the pose maps of frames (B,) -> (B, 3, H, W) in [0, 1]."""
        return self.pose_maps[frames].permute(0, 3, 1, 2).contiguous().float() / 255


def fingerprint(vae: AutoencoderKL, subjects: Sequence[Subject]) -> str:
    """Name what a cache was computed from: the encoder's weights and the subjects' frames."""
    digest = hashlib.sha256()
    for subject in subjects:
        digest.update(subject.signature.encode())
    for half in (vae.encoder, vae.quant_conv):
        for key, tensor in sorted(half.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()


def open_cache(
    folder: Path, subjects: Sequence[Subject], vae: AutoencoderKL, size: int, workers: int = 0
) -> LatentCache:
    """Open a cache, computing it first where it is absent or of other data.

    Args:
        folder: Its place; what another run computed there is replaced.
        subjects: Where the frames come from.
        vae: Encodes them.
        size: Side of the frames in pixels.
        workers: Processes that draw the frames ahead, all of a subject at a time.

    Raises:
        InputError: Fewer than one subject has two frames.
        OutputError: The disk is full; nothing half-written is left.
    """
    origin = fingerprint(vae, subjects)
    if not _is_of(folder, origin):
        _log.info("encoding the frames of %d subjects into %s", len(subjects), folder)
        _compute(folder, subjects, vae, origin, size, workers)
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return LatentCache(
        moments=np.load(folder / _MOMENTS, mmap_mode="r"),
        pose_maps=np.load(folder / _POSE_MAPS, mmap_mode="r"),
        names=tuple(subject["name"] for subject in index["subjects"]),
        bounds=np.array([[s["first"], s["end"]] for s in index["subjects"]], np.int64),
        gaps=np.array([gap for s in index["subjects"] for gap in s.get("gaps", ())], np.int64),
    )


def _is_of(folder: Path, origin: str) -> bool:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(index.get("origin") == origin)


def _compute(
    folder: Path,
    subjects: Sequence[Subject],
    vae: AutoencoderKL,
    origin: str,
    size: int,
    workers: int,
) -> None:
    check_cache_folder(folder)
    sweep(folder.parent)
    try:
        with open_result([folder]) as staged:
            staged(folder).mkdir()
            entries = _write_frames(staged(folder), subjects, vae, size, workers)
            if not entries:
                raise InputError(
                    "no subject has two usable frames with pose maps; check the folders and their "
                    "names"
                )
            text = json.dumps({"origin": origin, "size": size, "subjects": entries})
            (staged(folder) / INDEX).write_text(text, encoding="utf-8")
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"could not write the latents to {folder}: {error.strerror}; free some space or set "
            "data.cache to another folder"
        ) from error


def check_cache_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but what another run computed.

    Raises:
        OutputError: It does, and would be replaced.
    """
    kept = {INDEX, _MOMENTS, _POSE_MAPS}
    strangers = {path.name for path in folder.iterdir()} - kept if folder.is_dir() else set()
    if strangers or folder.is_file():
        raise OutputError(
            f"{folder} holds {min(strangers) if strangers else 'a file'}, which is no cache of "
            "latents, and is not replaced; set data.cache to another folder"
        )


def _write_frames(
    folder: Path, subjects: Sequence[Subject], vae: AutoencoderKL, size: int, workers: int
) -> list[dict[str, object]]:
    cells = size // LATENT_STRIDE
    channels = 2 * int(vae.config.latent_channels)
    entries: list[dict[str, object]] = []
    done = 0
    with (
        _Rows(folder / _MOMENTS, (channels, cells, cells), np.float16) as moments,
        _Rows(folder / _POSE_MAPS, (size, size, 3), np.uint8) as pose_maps,
    ):
        for subject, frames in zip(subjects, _frames_of(subjects, workers), strict=True):
            first = list(islice(frames, 2))
            if len(first) < 2:
                _log.warning(
                    "subject %s has %d usable frame(s), left out", subject.name, len(first)
                )
                continue
            together = chain(first, frames)
            start = done
            gaps: list[int] = []
            while rows := list(islice(together, _TOGETHER)):
                moments.append(_encode(vae, np.stack([frame.picture for frame in rows])))
                pose_maps.append(np.stack([frame.pose_map for frame in rows]))
                gaps += [done + place for place, frame in enumerate(rows) if not frame.follows]
                done += len(rows)
            entries.append({"name": subject.name, "first": start, "end": done, "gaps": gaps})
    return entries


def _frames_of(subjects: Sequence[Subject], workers: int) -> Iterator[Iterator[PosedFrame]]:
    if not workers:
        return (subject.frames() for subject in subjects)  # one frame at a time
    drawn = made_ahead(lambda n: list(subjects[n].frames()), range(len(subjects)), workers)
    return map(iter, drawn)


@torch.no_grad()
def _encode(vae: AutoencoderKL, pictures: NDArray[np.uint8]) -> NDArray[np.float16]:
    moments = encode_moments(vae, unit_to_signed(from_uint8(pictures)))
    return moments.clamp(-60_000, 60_000).cpu().numpy().astype(np.float16)


class _Rows:
    """A .npy file that grows row by row; its length is put into the header at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        self._file = path.open("w+b")
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._count = 0

    def __enter__(self) -> _Rows:
        self._write_header(2**40)  # as long as a header will ever be
        return self

    def append(self, rows: NDArray[np.generic]) -> None:
        self._count += len(rows)
        self._file.write(np.ascontiguousarray(rows).data)

    def __exit__(self, *_: object) -> None:
        self._file.seek(0)
        self._write_header(self._count)
        self._file.close()

    def _write_header(self, count: int) -> None:
        np.lib.format.write_array_header_1_0(
            self._file,
            {"descr": self._dtype.str, "fortran_order": False, "shape": (count, *self._shape)},
        )
