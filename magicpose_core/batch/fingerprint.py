"""What a clip's pixels depend on: weights, machine, settings and the content of the inputs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clip import as_json
from ..errors import InputError
from ..files import regular_file
from ..models.memory import frames_of_a_size
from ..weights.settings import ModelFiles
from .job import Job

_CHUNK = 1 << 22
_NO_PIXELS = ("hint_cache_mb",)  # of the sampling settings: memory alone


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What all clips of a batch have in common, beside their settings.

    Attributes:
        weights: SHA-256 over the weight files, by part.
        dtype: Precision.
        device: Its kind: ``cpu``, ``cuda``, ``mps``.
        threads: Of a process on the CPU; None where they change nothing.
    """

    weights: Mapping[str, str]
    dtype: str
    device: str
    threads: int | None

    def as_json(self) -> dict[str, Any]:
        """Give what JSON holds."""
        return {
            "weights": dict(self.weights),
            "dtype": self.dtype,
            "device": self.device,
            "threads": self.threads,
        }


@dataclass(frozen=True, kw_only=True)
class FileMark:
    """The content of a file, and by what a later run knows that it is still the same."""

    size: int
    changed: int
    sha256: str


Marks = Mapping[str, FileMark]


def weight_marks(files: ModelFiles) -> dict[str, str]:
    """Hash all weight files, folders with all that lies in them -> part: SHA-256.

    Raises:
        InputError: One is absent.
    """
    found = {}
    for field in dataclasses.fields(files):
        value = getattr(files, field.name)
        if isinstance(value, Path):
            found[field.name] = _digest_all(value)
        elif isinstance(value, tuple):
            for number, lora in enumerate(value):
                found[f"lora {number}"] = f"{_digest_all(lora.file)} x {lora.strength}"
        elif value is not None:
            found[field.name] = str(value)
    return found


def settings_of_job(job: Job, *, size: tuple[int, int], noted: Mapping[str, object]) -> Any:
    """Give all settings that a clip's pixels depend on, nothing left open, without its paths.

    Args:
        job: The clip.
        size: (width, height) of the model's own, where the job leaves it open.
        noted: What the model's file says of sampling.
    """
    width, height = job.size or size
    sampling = {
        name: value
        for name, value in as_json(job.sampling.complete(noted)).items()
        if name not in _NO_PIXELS
    }
    if sampling["frames_per_batch"] is None:
        sampling["frames_per_batch"] = frames_of_a_size(height, width)
    return {
        "size": [width, height],
        "fit": job.fit,
        "fps": job.fps if job.out.suffix else None,
        "audio": not job.no_audio if job.out.suffix else None,
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "sampling": sampling,
        "poses": {**as_json(job.pose_settings), "align_to": None},
        "frames": list(job.frame_names),
    }


def mark_inputs(job: Job, known: Marks | None = None) -> dict[str, FileMark]:
    """Hash the files that a clip is made from, by their role and place: ``poses/0001.png``.

    Args:
        job: The clip.
        known: Marks of an earlier run; a file of the same size and age is not read again.

    Raises:
        InputError: A file is absent.
    """
    return {role: _mark(path, (known or {}).get(role)) for role, path in _inputs(job)}


def fingerprint(conditions: Conditions, settings: object, inputs: Marks) -> str:
    """Join all that a clip's pixels depend on into one SHA-256."""
    contents = {role: mark.sha256 for role, mark in inputs.items()}
    return _hash_of([conditions.as_json(), settings, contents])


def digest(path: Path) -> str:
    """Hash the content of a file."""
    found = hashlib.sha256()
    try:
        with regular_file(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except FileNotFoundError as error:
        raise InputError(f"nothing is at {path}; check the path") from error
    return found.hexdigest()


def _digest_all(path: Path) -> str:
    contents = [digest(file) for file in _files_in(path)]
    return contents[0] if len(contents) == 1 else _hash_of(contents)


def differences(before: object, now: object, where: str = "") -> list[str]:
    """Name what two values, as JSON holds them, differ in: ``sampling.steps was 20, is 50``."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [
            line
            for name in dict.fromkeys([*before, *now])
            for line in differences(
                before.get(name), now.get(name), f"{where}.{name}" if where else str(name)
            )
        ]
    return [] if before == now else [f"{where} was {_short(before)}, is {_short(now)}"]


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12].rstrip()}..."


def _inputs(job: Job) -> Iterable[tuple[str, Path]]:
    for number, path in enumerate(job.reference):
        yield f"reference/{number}", path
    for name in job.pose_files:
        yield f"poses/{name}", job.poses / name
    if not job.pose_files:
        for path in _files_in(job.poses):
            yield f"poses/{path.relative_to(job.poses)}" if path != job.poses else "poses", path
    for role, given in (("align_to", job.pose_settings.align_to), ("audio", job.audio)):
        if isinstance(given, Path):
            yield role, given


def _files_in(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = [file for file in path.rglob("*") if not file.name.startswith(".") and file.is_file()]
    return sorted(files)


def _mark(path: Path, known: FileMark | None) -> FileMark:
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(f"nothing is at {path}; check the path") from error
    if known is not None and (known.size, known.changed) == (state.st_size, state.st_mtime_ns):
        return known
    return FileMark(size=state.st_size, changed=state.st_mtime_ns, sha256=digest(path))


def _hash_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
