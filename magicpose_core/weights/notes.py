"""What a model's file says of itself: what it knows, and how it wants to be used.

One JSON object beside any file as NAME.note.json, else in a safetensors file's metadata: what a
user lays beside a file is newer than the file. Who uses a model takes each setting from the user,
else from a preset, else from this note, else from the paper.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, InputError, one_line
from ..files import regular_file
from .checkpoint import Checkpoint

NOTE_KEY = "magicpose.note"
NOTE_SUFFIX = ".note.json"
NOT_ONE_NOISE = (
    "the motion module learned from frames that all start from one noise, and these do not: they "
    "may tremble more than without it; set shared_noise to 1, or leave the module out"
)
"""What is said to who samples with a module of one noise, and other noise."""
_MULTIPLE = 64  # pixels, of a picture's sides
_LONGEST = 1 << 16  # characters of a file
_LARGEST = 10**300


@dataclass(frozen=True, kw_only=True)
class ModelNote:
    """The note; what is None is not said.

    Attributes:
        kind: What the model knows, in plain words, such as ``drawn dancers of 128 pixels``.
        drawn: Whether it knows drawings alone, so that a photo is worth a warning.
        size: Width and height in pixels.
        steps: Of the scheduler.
        guidance_scale: Of appearance and pose.
        scheduler: Its name, as in ``sampling.settings``.
        betas: First and last beta of the scaled linear schedule that the model was trained on.
        one_noise: Of a motion module: whether it knows frames that all start from one noise alone.
    """

    kind: str | None = None
    drawn: bool = False
    size: tuple[int, int] | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    betas: tuple[float, float] | None = None
    one_noise: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is out of range.
        """
        if self.size is not None and any(side < 1 or side % _MULTIPLE for side in self.size):
            width, height = self.size
            raise InputError(
                f"a note's size must be multiples of {_MULTIPLE}, got "
                f"{one_line(f'{width}x{height}')}"
            )
        if self.steps is not None and not 1 <= self.steps <= 999:
            raise InputError(f"a note's steps must be in 1..999, got {one_line(str(self.steps))}")
        scale = self.guidance_scale
        if scale is not None and not (math.isfinite(scale) and scale >= 0):
            raise InputError(f"a note's guidance_scale must be 0 or more, got {scale}")
        if self.betas is not None and not 0 < self.betas[0] < self.betas[1] < 1:
            raise InputError(f"a note's betas must rise within 0..1, got {self.betas}")

    def sampling(self) -> dict[str, object]:
        """Give what it says of sampling, by the fields' names."""
        names = ("steps", "guidance_scale", "scheduler")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        """Say it in one line: ``drawn dancers of 128 pixels; size 128, steps 20, guidance 2``."""
        said = []
        if self.size is not None:
            width, height = self.size
            said.append(f"size {width}" if width == height else f"size {width}x{height}")
        if self.steps is not None:
            said.append(f"steps {self.steps}")
        if self.guidance_scale is not None:
            said.append(f"guidance {self.guidance_scale:g}")
        if self.scheduler is not None:
            said.append(self.scheduler)
        return "; ".join(filter(None, (self.kind, ", ".join(said))))


def read_note(file: Checkpoint) -> ModelNote | None:
    """Read the note beside a file, else that in its metadata; None where there is none.

    Raises:
        CheckpointError: There is one that cannot be read.
    """
    text, beside = file.metadata.get(NOTE_KEY), file.path.with_suffix(NOTE_SUFFIX)
    try:
        if beside.is_file():
            return load_note(beside)
        return None if text is None else parse_note(json.loads(text))
    except (ValueError, RecursionError) as error:  # an InputError is a ValueError
        raise CheckpointError(
            f"the note of {file.path.name} cannot be read: {error}; convert the file with another "
            "note"
        ) from error


def write_note(note: ModelNote) -> str:
    """Write a note as the text of a file's metadata, without what is not said."""
    values = dataclasses.asdict(note)
    defaults = dataclasses.asdict(ModelNote())
    return json.dumps({name: value for name, value in values.items() if value != defaults[name]})


def unite_notes(first: str, second: str) -> str:
    """Add to the text of a note what another says and it does not.

    It stays as it is where one of them cannot be read: who loads the file is told.
    """
    try:
        said, more = json.loads(first), json.loads(second)
    except (ValueError, RecursionError):
        return first
    if not isinstance(said, dict) or not isinstance(more, dict):
        return first
    return json.dumps({**more, **said})


def load_note(path: Path) -> ModelNote:
    """Read a note from a JSON file.

    Raises:
        InputError: The file is absent or holds no note.
    """
    try:
        with regular_file(path).open(encoding="utf-8") as file:
            text = file.read(_LONGEST)
        return parse_note(json.loads(text))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"no note at {path} ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON file of a note: {one_line(str(error))}") from error


def parse_note(content: object) -> ModelNote:
    """Build a note from a JSON object.

    Raises:
        InputError: It is no object, a name is unknown or a value has another type.
    """
    known = {field.name for field in dataclasses.fields(ModelNote)}
    if not isinstance(content, dict) or not set(content) <= known:
        unknown = sorted(set(content) - known) if isinstance(content, dict) else [repr(content)]
        raise InputError(
            f"a note is an object of {', '.join(sorted(known))}; got {one_line(', '.join(unknown))}"
        )
    return ModelNote(**{name: _KINDS[name](name, value) for name, value in content.items()})


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f"a note's {name} must be a text, got {one_line(repr(value))}")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"a note's {name} must be true or false, got {one_line(repr(value))}")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"a note's {name} must be a whole number, got {one_line(repr(value))}")
    return value


def _number(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InputError(f"a note's {name} must be a number, got {one_line(repr(value))}")
    return float(min(max(value, -_LARGEST), _LARGEST))  # a whole number may be beyond all floats


def _pair(name: str, value: object) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(
            f"a note's {name} must be a list of two numbers, got {one_line(repr(value))}"
        )
    return value[0], value[1]


def _size(name: str, value: object) -> tuple[int, int]:
    width, height = _pair(name, value)
    return _whole(name, width), _whole(name, height)


def _betas(name: str, value: object) -> tuple[float, float]:
    first, last = _pair(name, value)
    return _number(name, first), _number(name, last)


_KINDS: Mapping[str, Callable[[str, object], Any]] = {
    "kind": _text,
    "drawn": _flag,
    "size": _size,
    "steps": _whole,
    "guidance_scale": _number,
    "scheduler": _text,
    "betas": _betas,
    "one_noise": _flag,
}
