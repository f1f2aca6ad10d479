from __future__ import annotations

import pytest
import torch

from magicpose_core.models.deep_features import bytes_per_frame, join, shallow_pass, whole_pass
from magicpose_core.models.denoiser import Conditioning
from magicpose_core.models.reference_attention import project_text


@pytest.fixture
def inputs(micro_models):
    """Two frames, their text projected, and what the pose ControlNet adds."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 8, 8, generator=generator)
    pose_maps = torch.rand(2, 3, 64, 64, generator=generator)
    text = micro_models.text.empty_prompt().detach()
    denoiser, step = micro_models.denoiser, torch.tensor(401)
    with torch.no_grad():
        residuals = denoiser.pose(
            latents, step, text.expand(2, -1, -1), denoiser.pose.embed(pose_maps)
        )
        keys_values = project_text(denoiser.unet, text)
    return latents, step, text.expand(2, -1, -1), keys_values, residuals


@pytest.mark.parametrize("with_pose", [True, False])
@torch.no_grad()
def test_a_whole_pass_is_the_unets_own(micro_models, inputs, with_pose):
    latents, step, text, keys_values, residuals = inputs
    residuals = residuals if with_pose else None
    noise, _ = whole_pass(micro_models.denoiser.unet, *inputs[:-1], residuals)
    want = micro_models.denoiser.predict(latents, step, text, keys_values, residuals)
    assert torch.equal(noise, want)


@pytest.mark.parametrize("with_pose", [True, False])
@torch.no_grad()
def test_in_the_same_step_the_shallow_layers_finish_the_whole_pass(micro_models, inputs, with_pose):
    residuals = inputs[-1] if with_pose else None
    unet = micro_models.denoiser.unet
    noise, kept = whole_pass(unet, *inputs[:-1], residuals)
    assert torch.equal(shallow_pass(unet, *inputs[:-1], kept), noise)


@torch.no_grad()
def test_frames_are_kept_one_by_one(micro_models, inputs):
    _, kept = whole_pass(micro_models.denoiser.unet, *inputs)
    rows = kept.rows()
    assert len(rows) == 2
    again = join(rows)
    assert torch.equal(again.hidden, kept.hidden)
    assert all(map(torch.equal, again.residuals, kept.residuals))
    size = sum(tensor.nbytes for tensor in (kept.hidden, kept.hidden, *kept.residuals)) // 2
    assert bytes_per_frame(micro_models.denoiser.unet, 64, 4) == size


def clip(micro_models, whole_at, cuts=(range(2),)):
    """Three timesteps of two frames."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 8, 8, generator=generator)
    text = micro_models.text.empty_prompt().detach()
    conditioning = Conditioning(text=text, reference=lambda timestep: latents[:1])
    predict = micro_models.denoiser.prepare(conditioning, whole_at)
    return [
        torch.cat([predict(latents[list(frames)], timestep, frames) for frames in cuts])
        for timestep in (401, 201, 1)
    ]


@torch.no_grad()
def test_steps_between_keep_the_deep_layers_and_the_others_are_exact(micro_models):
    exact, kept = clip(micro_models, None), clip(micro_models, {401, 1})
    assert torch.equal(exact[0], kept[0])
    assert torch.equal(exact[2], kept[2])
    assert not torch.equal(exact[1], kept[1])


@torch.no_grad()
def test_the_first_step_is_whole_whatever_is_said(micro_models):
    assert torch.equal(clip(micro_models, {1})[0], clip(micro_models, None)[0])


@torch.no_grad()
def test_batches_of_frames_change_nothing(micro_models):
    whole = clip(micro_models, {401})
    parts = clip(micro_models, {401}, (range(1), range(1, 2)))
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)
