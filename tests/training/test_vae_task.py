"""What the autoencoder learns from: whole pictures, or squares, every other one on a face."""

import numpy as np
import torch

from magicpose_core.data.dancers.clips import free_frame
from magicpose_core.data.dancers.landmarks import face_box
from magicpose_core.images import from_uint8, unit_to_signed
from magicpose_core.training.config import DataConfig
from magicpose_core.training.vae_task import dancer_pictures, draw_pictures

PEOPLE = [3, 8, 11, 20]


def draw(data: DataConfig, seed: int = 0) -> dict[str, torch.Tensor]:
    return dict(draw_pictures(PEOPLE, data, np.random.default_rng(seed)))


def test_whole_pictures_come_with_the_boxes_of_their_faces():
    batch = draw(DataConfig(source="dancers", size=64))
    assert batch["pictures"].shape == (4, 3, 64, 64)
    for row, person in enumerate(PEOPLE):
        frame = free_frame(person, 0, "train", 64)
        want = unit_to_signed(from_uint8(frame.picture))[0]
        torch.testing.assert_close(batch["pictures"][row], want)
        inside = torch.zeros(64, 64)
        inside[face_box(frame.pose, 64)] = 1
        assert torch.equal(batch["faces"][row, 0], inside)


def test_squares_are_cut_from_the_picture_and_every_other_one_shows_the_face():
    data = DataConfig(source="dancers", size=128, crop=64)
    whole = draw(DataConfig(source="dancers", size=128))
    for seed in range(4):
        batch = draw(data, seed)
        assert batch["pictures"].shape == (4, 3, 64, 64)
        assert batch["faces"].shape == (4, 1, 64, 64)
        for row in range(4):
            windows = whole["pictures"][row].unfold(1, 64, 1).unfold(2, 64, 1)
            places = windows.permute(1, 2, 0, 3, 4).flatten(2)
            assert (places == batch["pictures"][row].flatten()).all(dim=-1).any()
        assert (batch["faces"][1::2].sum(dim=(1, 2, 3)) > 0).all()


def test_the_same_place_in_the_run_gives_the_same_squares():
    data = DataConfig(source="dancers", size=128, crop=64)
    first, again, other = draw(data, 1), draw(data, 1), draw(data, 2)
    assert torch.equal(first["pictures"], again["pictures"])
    assert not torch.equal(first["pictures"], other["pictures"])


def test_validation_shows_the_same_framing_as_training():
    full, close = (
        dancer_pictures("heldout", range(2), DataConfig(source="dancers", size=64, framing=name))
        for name in ("full", "waist")
    )
    assert not torch.equal(full, close)
    want = np.stack([free_frame(index, 0, "heldout", 64, "waist").picture for index in range(2)])
    torch.testing.assert_close(close, unit_to_signed(from_uint8(want)))
