"""The reference in ComfyUI's U-Net, against the golden numbers."""

from __future__ import annotations

import pytest
import torch

from . import golden


def forward(model, x, timestep, context, chunks, control=None):
    """One forward of the U-Net as a sampler would run it."""
    import comfy.patcher_extension as extension

    options = {"cond_or_uncond": chunks, "wrappers": {}}
    extension.merge_nested_dicts(options["wrappers"], model.wrappers, copy_dict1=False)
    timesteps = torch.full((x.shape[0],), float(timestep))
    return model.model.diffusion_model(
        x, timesteps, context=context, control=control, transformer_options=options
    )


def pose_control(micro, x, timestep, context, pose_map):
    return micro.control_net.control_model(
        x=x, hint=pose_map, timesteps=torch.full((x.shape[0],), float(timestep)), context=context
    )


@pytest.mark.parametrize("timestep", [1, 101, 501, 981])
def test_conditional_pass_equals_the_golden_one(patched, micro, timestep):
    want = golden.numbers("networks")
    x, text = want["x_t"], want["context_cond"]
    control = pose_control(micro, x, timestep, text, want["pose_map"])
    got = forward(patched(), x, timestep, text, [0], control)
    assert golden.relative(got, want[f"eps_cond_t{timestep}"]) < 1e-5


@pytest.mark.parametrize("timestep", [1, 101, 501, 981])
def test_unconditional_rows_are_the_stock_model_bit_for_bit(patched, micro, timestep):
    want = golden.numbers("networks")
    x, text = want["x_t"], want["context_cond"]
    stock = forward(micro.model, x, timestep, text, [1])
    assert golden.relative(stock, want[f"eps_uncond_t{timestep}"]) < 1e-5
    mixed = forward(patched(), torch.cat((x, x)), timestep, torch.cat((text, text)), [1, 0])
    assert torch.equal(mixed[:1], stock)
    assert not torch.allclose(mixed[1:], stock)
