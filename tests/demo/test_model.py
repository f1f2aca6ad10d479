"""The bundled model, and the word of warning to those who bring photos."""

import numpy as np
import pytest
import torch

from magicpose_core.data.dancers.clips import free_frame
from magicpose_core.demo.model import demo_checkpoint
from magicpose_core.demo.photos import looks_drawn, photo_warning
from magicpose_core.images import from_uint8
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.notes import ModelNote, read_note

DRAWN = ModelNote(kind="drawn dancers of 128 pixels", drawn=True)


def photo_like(side: int = 256) -> torch.Tensor:
    """Smooth surfaces under the noise of a sensor."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    shades = np.stack([np.sin(3 * x + y), np.cos(2 * y), x * y], axis=-1) * 60 + 120
    noisy = (shades + rng.normal(0, 12, shades.shape)).clip(0, 255).astype(np.uint8)
    return from_uint8(noisy)


def test_the_demo_model_says_how_it_wants_to_be_used():
    note = read_note(open_checkpoint(demo_checkpoint()))
    assert note is not None
    assert note.drawn
    assert note.size == (128, 128)
    assert str(note) == "drawn dancers of 128 pixels; size 128, steps 20, guidance 2, ddim"


def test_other_files_say_nothing_of_dancers(micro_checkpoint):
    assert read_note(open_checkpoint(micro_checkpoint)) is None


@pytest.mark.parametrize("size", [128, 512])
@pytest.mark.parametrize("index", range(5))
def test_dancers_look_drawn(index, size):
    assert looks_drawn(from_uint8(free_frame(index, 0, "heldout", size).picture))


def test_photos_do_not():
    assert not looks_drawn(photo_like())


def test_a_photo_is_warned_of_where_the_model_knows_drawings_alone():
    drawing = from_uint8(free_frame(0, 0, "heldout", 256).picture)
    warning = photo_warning(DRAWN, photo_like())
    assert warning is not None
    assert "knows drawn dancers of 128 pixels and nothing else" in warning
    assert "photo" in warning
    assert photo_warning(DRAWN, torch.cat([drawing, photo_like()])) == warning
    assert photo_warning(DRAWN, drawing) is None
    assert photo_warning(ModelNote(kind="people"), photo_like()) is None
    assert photo_warning(None, photo_like()) is None
