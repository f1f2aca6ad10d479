"""The reference in ComfyUI's U-Net: exactness, invariants, economy."""

from __future__ import annotations

import copy

import pytest
import torch

from . import golden

PASS = 1e-5  # relative error of one pass against the golden numbers


@pytest.fixture
def inputs():
    return golden.numbers("networks")


def forward(model, x, timestep, context, chunks, control=None, **options):
    """One forward of the U-Net as a sampler runs it."""
    import comfy.patcher_extension as extension

    options = {"cond_or_uncond": chunks, "wrappers": {}, **options}
    extension.merge_nested_dicts(options["wrappers"], model.wrappers, copy_dict1=False)
    timesteps = torch.full((x.shape[0],), float(timestep))
    return model.model.diffusion_model(
        x, timesteps, context=context, control=control, transformer_options=options
    )


def one_pass(model, inputs, chunks=(0,), **more):
    rows = len(chunks)
    x, text = inputs["x_t"].repeat(rows, 1, 1, 1), inputs["context_cond"].repeat(rows, 1, 1)
    return forward(model, x, 501, text, list(chunks), **more)


@pytest.fixture
def count_passes(micro):
    """Count the forwards of the appearance control model and of the pose ControlNet."""
    counts = {"appearance": 0, "pose": 0}

    def counter(name):
        def count(*_):
            counts[name] += 1

        return count

    networks = {
        "appearance": micro.appearance_model.model.diffusion_model,
        "pose": micro.control_net.control_model,
    }
    hooks = [network.register_forward_pre_hook(counter(n)) for n, network in networks.items()]
    yield counts
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("timestep", [1, 101, 501, 981])
def test_conditional_pass_equals_the_golden_one(patched, micro, inputs, timestep):
    x, text = inputs["x_t"], inputs["context_cond"]
    control = micro.control_net.control_model(
        x=x, hint=inputs["pose_map"], timesteps=torch.tensor([float(timestep)]), context=text
    )
    got = forward(patched(), x, timestep, text, [0], control)
    assert golden.relative(got, inputs[f"eps_cond_t{timestep}"]) < PASS


def test_rows_of_different_timesteps_each_read_their_own_features(patched, micro, inputs):
    x, times = inputs["x_t3"], inputs["timesteps3"].float()
    text = inputs["context_cond"].repeat(3, 1, 1)
    control = micro.control_net.control_model(
        x=x, hint=inputs["pose_map3"], timesteps=times, context=text
    )
    options = {"cond_or_uncond": [0], "wrappers": patched().wrappers}
    got = micro.model.model.diffusion_model(
        x, times, context=text, control=control, transformer_options=options
    )
    assert golden.relative(got, inputs["eps_cond_mixed_t"]) < PASS


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("reference_nonsquare", "eps_cond_nonsquare_t501"),
        ("reference_latent", "eps_cond_nonsquare_squareref_t501"),
    ],
)
def test_reference_may_have_another_size_than_the_frame(patched, micro, inputs, reference, name):
    x, text = inputs["x_t_nonsquare"], inputs["context_cond"]
    control = micro.control_net.control_model(
        x=x, hint=inputs["pose_nonsquare"], timesteps=torch.tensor([501.0]), context=text
    )
    got = forward(patched(latents=inputs[reference]), x, 501, text, [0], control)
    assert golden.relative(got, inputs[name]) < PASS


@pytest.mark.parametrize("timestep", [1, 101, 501, 981])
def test_unconditional_rows_are_the_stock_model_bit_for_bit(patched, micro, inputs, timestep):
    x, text = inputs["x_t"], inputs["context_cond"]
    stock = forward(micro.model, x, timestep, text, [1])
    assert golden.relative(stock, inputs[f"eps_uncond_t{timestep}"]) < PASS
    mixed = forward(patched(), torch.cat((x, x)), timestep, torch.cat((text, text)), [1, 0])
    assert torch.equal(mixed[:1], stock)
    assert golden.relative(mixed[1:], stock) > 0.01


def test_strength_0_is_the_model_itself(patched, micro):
    assert patched(strength=0.0) is micro.model


def test_given_model_stays_as_it_was(patched, micro, inputs):
    before = one_pass(micro.model, inputs)
    wrappers = copy.deepcopy(micro.model.wrappers)
    options = copy.deepcopy(micro.model.model_options)
    one_pass(patched(), inputs)
    assert micro.model.wrappers == wrappers == {}
    assert micro.model.model_options == options
    assert micro.model.additional_models == {}
    assert torch.equal(one_pass(micro.model, inputs), before)


def test_a_clone_reads_the_reference_too(patched, inputs):
    model = patched()
    assert torch.equal(one_pass(model.clone(), inputs), one_pass(model, inputs))


def test_references_stack_as_their_tokens_join(patched, inputs):
    first, second = inputs["reference_latent"], inputs["reference_latent"].flip(-1)
    stacked = patched(patched(latents=first), latents=second)
    together = patched(latents=torch.cat((first, second)))
    got, want = one_pass(stacked, inputs), one_pass(together, inputs)
    assert golden.relative(got, want) < PASS
    assert golden.relative(got, one_pass(patched(), inputs)) > 1e-3


def test_strength_lies_between_no_reference_and_the_paper(patched, micro, inputs):
    stock, paper = one_pass(micro.model, inputs), one_pass(patched(), inputs)
    almost_paper = one_pass(patched(strength=1 + 1e-6), inputs)
    almost_none = one_pass(patched(strength=1e-6), inputs)
    assert golden.relative(almost_paper, paper) < 2 * PASS
    assert golden.relative(almost_none, stock) < 1e-3
    half = one_pass(patched(strength=0.5), inputs)
    assert golden.relative(half, paper) > 1e-3
    assert golden.relative(half, stock) > 1e-3


def test_strength_2_is_the_reference_offered_twice(patched, inputs):
    twice = patched(latents=inputs["reference_latent"].repeat(2, 1, 1, 1))
    got, want = one_pass(patched(strength=2.0), inputs), one_pass(twice, inputs)
    assert golden.relative(got, want) < 2 * PASS


def test_stacked_references_keep_their_own_strengths(patched, inputs):
    first, second = inputs["reference_latent"], inputs["reference_latent"].flip(-1)
    stacked = patched(patched(latents=first, strength=2.0), latents=second, strength=3.0)
    joined = patched(latents=torch.cat((first, first, second, second, second)))
    assert golden.relative(one_pass(stacked, inputs), one_pass(joined, inputs)) < 2 * PASS


def test_mask_offers_what_it_covers(patched, inputs):
    left = torch.zeros(1, 1, 16, 16)
    left[..., :8] = 1
    everything = one_pass(patched(mask=torch.ones(1, 1, 16, 16)), inputs)
    assert torch.equal(everything, one_pass(patched(), inputs))
    halves = [one_pass(patched(mask=mask), inputs) for mask in (left, 1 - left)]
    assert golden.relative(halves[0], halves[1]) > 1e-3


def test_mask_drops_tokens_at_every_resolution(pack, micro, inputs):
    left = torch.zeros(1, 1, 16, 16)
    left[..., :8] = 1
    collect = pack("nodes.appearance.features").collect_features
    arguments = (micro.appearance_model, inputs["reference_latent"], torch.tensor([501.0]))
    whole = collect(*arguments, inputs["context_cond"])
    masked = collect(*arguments, inputs["context_cond"], left)
    for block, tokens in whole.items():
        side = int(tokens.shape[1] ** 0.5)
        kept = tokens.unflatten(1, (side, side))[:, :, : side // 2].flatten(1, 2)
        assert torch.equal(masked[block], kept)


def test_outside_its_percents_the_reference_is_not_read(patched, micro, inputs, count_passes):
    model = patched(sigma_range=(5.0, 1.0))
    stock = one_pass(micro.model, inputs)
    for sigma, read in ((6.0, False), (3.0, True), (0.5, False)):
        got = one_pass(model, inputs, sigmas=torch.tensor([sigma]))
        assert torch.equal(got, stock) is not read
    assert count_passes["appearance"] == 1


def test_balance_reads_the_reference_in_both_halves(patched, inputs):
    got = one_pass(patched(control_mode="balance"), inputs, chunks=(1, 0))
    assert golden.relative(got[:1], got[1:]) < PASS


def test_an_inpainting_model_has_more_channels_in_than_out(pack):
    patch = pack("nodes.appearance.model_patch")
    wrapper = patch.appearance_wrapper(
        lambda timestep, text: {}, patch.AppearanceSettings(), by_text=False
    )
    x = torch.arange(4.0).reshape(4, 1, 1, 1).expand(-1, 9, 2, 2)
    text = torch.zeros(4, 1, 1)
    options = {"cond_or_uncond": [1, 0]}
    got = wrapper(lambda x, *_: x[:, :4], x, torch.ones(4), text, None, None, options)
    assert torch.equal(got, x[:, :4])


def sample(micro, model, frames=3, steps=3, sampler="ddim", scheduler="ddim_uniform", pack=None):
    import comfy.sample

    inputs = golden.numbers("networks")
    text = [[inputs["context_cond"], {}]]
    poses = inputs["pose_map3"].repeat(2, 1, 1, 1)[:frames].movedim(1, -1)
    halves = pack("nodes.pose_control").apply_pose(micro.control_net, poses, text, None)
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    noise = noise.repeat(frames, 1, 1, 1)
    return comfy.sample.sample(
        model, noise, steps, 7.0, sampler, scheduler, *halves, torch.zeros_like(noise), seed=0
    )


@pytest.mark.parametrize(
    ("sampler", "timesteps", "at_a_time"), [("ddim", 3, 1), ("heun", 3, 2), ("dpm_2", 4, 5)]
)
def test_one_appearance_pass_for_each_distinct_timestep(
    patched, micro, pack, count_passes, sampler, timesteps, at_a_time
):
    frames = pack("nodes.frames")
    model = frames.batch_frames(patched(limit=0), frames.FrameSettings(frames_per_batch=at_a_time))
    seen = set()

    def note(_, arguments):
        seen.add(float(arguments[1][0]))

    hook = micro.appearance_model.model.diffusion_model.register_forward_pre_hook(note)
    sample(micro, model, frames=5, sampler=sampler, pack=pack)
    hook.remove()
    assert count_passes["appearance"] == len(seen)
    assert len(seen) >= timesteps


def test_a_second_run_costs_no_appearance_pass(patched, micro, pack, count_passes):
    model = patched()
    first = sample(micro, model, pack=pack)
    passes = count_passes["appearance"]
    again = sample(micro, model, pack=pack)
    assert count_passes["appearance"] == passes == 3
    assert torch.equal(first, again)


def test_unconditional_half_runs_no_controlnet(patched, micro, pack, count_passes):
    sample(micro, patched(), frames=2, steps=3, pack=pack)
    assert count_passes["pose"] == 3


def test_unloading_frees_features_on_the_device_and_keeps_the_result(
    patched, micro, pack, count_passes
):
    import comfy.model_management

    model = patched()
    first = sample(micro, model, pack=pack)
    comfy.model_management.unload_all_models()
    assert torch.equal(sample(micro, model, pack=pack), first)
    assert count_passes["appearance"] == 6
