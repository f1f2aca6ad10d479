"""What a motion module learns from clips, and from the model's own renderings of them."""

from __future__ import annotations

import torch

from magicpose_core.sampling.schedules import alphas_cumprod, remove_noise
from magicpose_core.training.clip_batches import (
    clip_batch,
)
from magicpose_core.training.clip_objective import ClipObjective, error_changes
from magicpose_core.training.config import ObjectiveConfig


def test_only_the_module_learns_and_all_of_it(objective, cache):
    trained = {n for n, p in objective.named_parameters() if p.requires_grad}
    assert trained
    assert all("motion_modules" in name for name in trained)
    for name, parameter in objective.named_parameters():
        if ".proj_out." in name and parameter.requires_grad:
            torch.nn.init.normal_(parameter.data, std=0.1)  # zero at first: no gradient behind it
    batch = clip_batch(cache, 2, 3, (0, 0, 1), ObjectiveConfig(plain_clips=0.5))
    assert batch["plain"].any()
    assert not batch["plain"].all()
    objective(batch).backward()
    for name, parameter in objective.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        if parameter.grad is not None:
            assert parameter.grad.abs().max() > 0, name


def test_changes_of_errors_are_what_flickers():
    errors = torch.randn(2, 400, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    alike = errors[:, :1].expand_as(errors)
    torch.testing.assert_close(error_changes(errors), torch.ones(2), rtol=0.02, atol=0)
    torch.testing.assert_close(error_changes(alike), torch.zeros(2))
    torch.testing.assert_close(
        error_changes(alike + 0.5 * errors), torch.full((2,), 0.25), rtol=0.02, atol=0
    )


def test_what_flickers_is_weighed_on_top(objective, cache):
    batch = clip_batch(cache, 2, 3, (0, 0, 1), ObjectiveConfig(plain_clips=0.0))
    text, denoiser = objective.text, objective.denoiser
    losses = [
        float(ClipObjective(denoiser, text, ObjectiveConfig(changes=weight))(batch).detach())
        for weight in (0.0, 1.0, 3.0)
    ]
    assert losses[0] < losses[1]
    assert abs((losses[2] - losses[0]) / (losses[1] - losses[0]) - 3) < 1e-3


def own_clips(cache, count, seed=1):
    config = ObjectiveConfig(one_noise_share=1.0, own_renderings=1.0)
    return clip_batch(cache, count, 3, (seed, 0, 0), config)


def guided_by(objective, scale):
    return ClipObjective(objective.denoiser, objective.text, ObjectiveConfig(), scale)


def test_a_rendering_begins_with_the_noise_alone(objective, cache):
    batch = own_clips(cache, 2)
    at_the_start = {**batch, "timesteps": torch.full((2,), 999)}
    assert torch.equal(guided_by(objective, 2.0).render(at_the_start), batch["noise"])


def test_a_rendering_is_ddim_down_to_the_clips_timestep(objective, cache):
    batch = {**own_clips(cache, 1), "timesteps": torch.tensor([700])}
    guided = guided_by(objective, 2.0)
    clips = batch["noise"]
    for at, following in ((999, 832), (832, 700)):  # steps of a sixth, and what is left
        noise = guided._guided(clips, torch.tensor([at]), batch)
        alpha, after = (float(alphas_cumprod()[step]) for step in (at, following))
        clean = remove_noise(clips, noise, alpha)
        clips = after**0.5 * clean + (1 - after) ** 0.5 * noise
    torch.testing.assert_close(guided.render(batch), clips, rtol=1e-4, atol=1e-4)


def test_each_clip_is_rendered_down_to_its_own_timestep(objective, cache):
    batch = {**own_clips(cache, 2), "timesteps": torch.tensor([400, 900])}
    guided = guided_by(objective, 1.0)
    together = guided.render(batch)
    for row in range(2):
        alone = guided.render({name: tensor[row : row + 1] for name, tensor in batch.items()})
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-4)


def test_guidance_steps_away_from_the_network_alone(objective, cache):
    batch = own_clips(cache, 1)
    clips, timesteps = batch["noise"], torch.tensor([500])
    controlled, twice = (
        guided_by(objective, scale)._guided(clips, timesteps, batch) for scale in (1.0, 2.0)
    )
    alone = objective._predict(clips, timesteps, batch, control=False)
    torch.testing.assert_close(twice - controlled, controlled - alone, rtol=1e-4, atol=1e-5)


def test_what_is_learned_from_renderings_is_the_truth(objective, cache):
    batch = {**own_clips(cache, 2), "timesteps": torch.tensor([500, 999])}
    loss = ClipObjective(
        objective.denoiser, objective.text, ObjectiveConfig(own_renderings=1.0, changes=2.0), 2.0
    )(batch)
    guided = guided_by(objective, 2.0)
    clips = guided.render(batch)
    noise = guided._guided(clips, batch["timesteps"], batch)
    expected = []
    for row, step in enumerate((500, 999)):
        alpha = float(alphas_cumprod()[step])
        wrong = remove_noise(clips[row], noise[row], alpha) - batch["latents"][row]
        flicker = wrong.diff(dim=0).square().mean() / 2
        weight = min(5.0, (alpha / (1 - alpha)) ** 0.5)
        expected.append(weight * (wrong.square().mean() + 2 * flicker))
    torch.testing.assert_close(loss, torch.stack(expected).mean(), rtol=1e-3, atol=0)
    loss.backward()
    assert any(parameter.grad is not None for parameter in objective.parameters())
