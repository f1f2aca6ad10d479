from __future__ import annotations

import torch

from magicpose_core.sampling.noise import (
    draw_noise,
    frame_generators,
    noisy_reference,
    reference_generator,
)
from magicpose_core.sampling.schedules import add_noise


def test_shared_noise_is_the_same_for_all_frames_and_others_do_not_depend_on_the_clip():
    like = torch.empty(4, 4, 8, 8)
    shared = draw_noise(like, frame_generators(5, 4, shared=True))
    assert all(torch.equal(row, shared[0]) for row in shared)
    own = draw_noise(like, frame_generators(5, 4, shared=False))
    assert not torch.equal(own[0], own[1])
    assert torch.equal(own[:2], draw_noise(like[:2], frame_generators(5, 2, shared=False)))


def test_the_noise_of_the_reference_depends_on_seed_and_timestep_alone():
    latents = torch.zeros(2, 4, 8, 8)
    noisy = noisy_reference(latents, seed=1, timestep=500)
    noisy_reference(latents, seed=1, timestep=7)
    assert torch.equal(noisy_reference(latents, seed=1, timestep=500), noisy)
    assert not torch.equal(noisy[0], noisy[1])  # each picture has its own
    generator = reference_generator(1, 501)
    expected = add_noise(latents, draw_noise(latents, [generator] * 2), torch.tensor(500))
    assert torch.equal(noisy, expected)
