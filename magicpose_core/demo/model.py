"""The small model that the package ships, trained on drawn dancers."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..weights.checkpoint import Checkpoint
from ..weights.notes import ModelNote, load_note, read_note

_NOTE = Path(__file__).with_name("note.json")
DEMO_CHECKPOINT = Path(__file__).with_name("magicpose-dancers.safetensors")


def demo_checkpoint() -> Path:
    """Give the path of the bundled model.

    Raises:
        InputError: This copy of the package ships none.
    """
    if not DEMO_CHECKPOINT.is_file():
        raise InputError(
            "this copy holds no demo model; name a model with --checkpoint (README, 'Weights')"
        )
    return DEMO_CHECKPOINT


def note_of(file: Checkpoint) -> ModelNote | None:
    """Read how a model wants to be used; the bundled one's note also lies beside it."""
    note = read_note(file.metadata)
    if note is None and file.path.resolve() == DEMO_CHECKPOINT.resolve():
        return load_note(_NOTE)
    return note
