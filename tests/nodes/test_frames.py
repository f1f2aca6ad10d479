"""A clip some frames at a time: the same result, each frame with its own pose."""

from __future__ import annotations

import copy

import pytest
import torch

from . import golden


@pytest.fixture
def clip(micro, patched, pack):
    """Sample three frames with three poses, some frames at a time."""

    def run(settings=None, sampler="ddim", positive=None, poses=None, **kwargs):
        import comfy.sample

        inputs = golden.numbers("networks")
        frames = pack("nodes.frames")
        model = patched()
        if settings is not None:
            model = frames.batch_frames(model, frames.FrameSettings(**settings))
        if poses is None:
            poses = torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(1))
        positive = positive or [[inputs["context_cond"], {}]]
        control = micro.control_net
        halves = pack("nodes.pose_control").apply_pose(control, poses, positive, None, **kwargs)
        noise = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        return comfy.sample.sample(
            model, noise, 2, 7.0, sampler, "normal", *halves, torch.zeros_like(noise), seed=0
        )

    return run


@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpm_2"])
def test_result_is_the_same_however_many_frames_run_at_a_time(clip, sampler):
    whole = clip(sampler=sampler)
    for frames in (1, 2):
        assert golden.relative(clip({"frames_per_batch": frames}, sampler=sampler), whole) < 1e-4


def test_overlapping_passes_of_independent_frames_change_nothing(clip):
    whole = clip()
    assert golden.relative(clip({"window_length": 2, "window_overlap": 1}), whole) < 1e-4
    assert (
        golden.relative(clip({"window_length": 2, "window_overlap": 1, "loop": True}), whole) < 1e-4
    )


def test_each_pass_gets_the_hints_of_a_chain_of_controlnets(clip, micro, pack):
    text = [[golden.numbers("networks")["context_cond"], {}]]
    other = torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(2))
    chained, _ = pack("nodes.pose_control").apply_pose(micro.control_net, other, text, None)
    whole = clip(positive=chained)
    assert golden.relative(clip({"frames_per_batch": 2}, positive=chained), whole) < 1e-4
    assert golden.relative(clip(), whole) > 1e-2


def test_fewer_poses_than_frames_repeat_in_order(clip):
    two = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(3))
    three = two[[0, 1, 0]]
    assert golden.relative(clip({"frames_per_batch": 2}, poses=two), clip(poses=three)) < 1e-4


@pytest.mark.parametrize(
    ("maps", "said"), [(2, "2 pose maps for 3 frames: they repeat"), (9, "only the first 3")]
)
def test_another_number_of_poses_than_frames_is_said_on_the_node(clip, notices, maps, said):
    poses = torch.rand(maps, 64, 64, 3, generator=torch.Generator().manual_seed(3))
    clip({"frames_per_batch": 2}, poses=poses)
    ((node, text),) = notices
    assert node == "7"
    assert said in text


def test_one_pose_for_all_frames_and_one_each_are_no_matter(clip, notices):
    for maps in (1, 3):
        clip({"frames_per_batch": 2}, poses=torch.rand(maps, 64, 64, 3))
    assert notices == []


def test_each_frame_gets_its_own_text(clip):
    texts = torch.randn(3, 77, 16, generator=torch.Generator().manual_seed(4))
    positive = [[texts, {}]]
    assert (
        golden.relative(clip({"frames_per_batch": 2}, positive=positive), clip(positive=positive))
        < 1e-4
    )


def test_balance_runs_both_halves_with_the_same_copy_of_the_controlnet(clip):
    whole = clip(control_mode="balance")
    assert golden.relative(clip({"frames_per_batch": 2}, control_mode="balance"), whole) < 1e-4


def test_given_controlnet_stays_as_it_was(clip, micro):
    before = copy.copy(vars(micro.control_net))
    clip({"frames_per_batch": 2})
    assert vars(micro.control_net) == before


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("count", [1, 7, 16, 50])
def test_windows_cover_every_frame(pack, loop, count):
    frames = pack("nodes.frames")
    for length, overlap in ((16, 0), (16, 4), (5, 2)):
        windows = frames.frame_windows(count, length, overlap, loop=loop)
        assert {frame for window in windows for frame in window} == set(range(count))
        assert all(len(window) <= length for window in windows)


def test_a_loop_has_a_window_over_its_seam(pack):
    frames = pack("nodes.frames")
    assert any({7, 0} <= set(window) for window in frames.frame_windows(8, 4, 2, loop=True))


def test_sampling_asks_for_the_memory_of_one_pass(clip, micro, monkeypatch):
    import comfy.model_management

    asked = []
    load = comfy.model_management.load_models_gpu

    def note(models, memory_required=0, **more):
        asked.append(memory_required)
        return load(models, memory_required=memory_required, **more)

    monkeypatch.setattr(comfy.model_management, "load_models_gpu", note)
    clip()
    clip({"frames_per_batch": 1})
    assert asked[0] == pytest.approx(3 * asked[1], rel=0.01)


def test_animatediff_evolved_cuts_the_clip_by_itself(pack):
    frames = pack("nodes.frames")
    wrapper = frames._step_wrapper(frames.FrameSettings(frames_per_batch=2))
    options = {"transformer_options": {"ADGS": object()}}
    seen = []
    wrapper(
        lambda *given: seen.append(given[2].shape[0]),
        None,
        [],
        torch.zeros(5, 4, 8, 8),
        None,
        options,
    )
    assert seen == [5]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"window_length": 4, "window_overlap": 4}, r"window_overlap \(4\) must be below .*\(4\)"),
        ({"window_overlap": 4, "loop": True}, "window_overlap and loop do nothing without"),
        ({"window_length": 16, "frames_per_batch": 8}, r"frames_per_batch \(8\) does nothing"),
    ],
)
def test_settings_that_do_nothing_are_refused(pack, settings, said):
    with pytest.raises(ValueError, match=said):
        pack("nodes.frames").FrameSettings(**settings)


def test_frames_share_as_much_of_their_noise_as_is_asked(pack):
    own = torch.randn(3, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    mixed = pack("nodes.frame_latents").mix_noise(own, 0.25, seed=7).flatten(1)
    correlations = torch.corrcoef(mixed)
    assert mixed.std(1).allclose(torch.ones(3), atol=0.02)
    assert correlations[0, 1] == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("share", "rows"), [(1.0, [0, 0, 0]), (0.0, [0, 1, 2]), (0.5, [1, 2, 3])])
def test_own_noise_is_apart_from_the_common_one(pack, share, rows):
    latent = pack("nodes.frame_latents").empty_latent(3, 64, 64, shared_noise=share)
    assert latent["batch_index"] == rows
