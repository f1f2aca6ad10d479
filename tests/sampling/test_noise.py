from __future__ import annotations

import torch

from magicpose_core.sampling.noise import (
    draw_noise,
    frame_generators,
    noisy_reference,
    reference_generator,
    shuffled_order,
    start_noise,
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


def test_mixed_noise_is_normal_and_shares_as_much_as_it_says():
    like = torch.empty(1, 4, 64, 64)
    for share in (0.0, 0.3, 0.9):
        noise, _ = start_noise(like, 2, seed=3, shared_noise=share)
        first, second = noise.flatten(1)
        assert abs(float(first.var()) - 1) < 0.05
        assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1]) - share) < 0.03


def test_noises_of_the_first_window_come_again_in_each_stride():
    order = shuffled_order(50, 16, 12, seed=0)
    assert len(order) == 50
    assert order[:16] == list(range(16))
    assert sorted(order[16:28]) == list(range(12))
    assert sorted(order[28:40]) == sorted(order[12:24])
    assert order[16:28] != list(range(12))
    assert set(order) == set(range(16))
    assert shuffled_order(50, 16, 12, seed=0) == order
    assert shuffled_order(5, 16, 12, seed=0) == list(range(5))


def test_shuffled_noise_is_that_of_the_frames_in_another_order():
    like = torch.empty(1, 4, 8, 8)
    plain, _ = start_noise(like, 20, seed=3, shared_noise=0)
    shuffled, _ = start_noise(like, 20, seed=3, shared_noise=0, shuffled=(8, 6))
    assert torch.equal(shuffled, plain[shuffled_order(20, 8, 6, seed=3)])
