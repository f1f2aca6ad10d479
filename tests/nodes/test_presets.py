"""The Sampler's presets, and the warning of photos."""

from __future__ import annotations

import logging

import pytest
import torch

DEMO = "magicpose-dancers.safetensors"


@pytest.fixture(scope="module")
def demo(pack):
    return pack("nodes.loaders").LoadMagicPoseCheckpoint.execute(DEMO, "fp32").args


@pytest.fixture
def presets(pack):
    return pack("nodes.presets")


def test_a_model_is_sampled_as_its_file_notes_also_as_a_clone(presets, demo):
    widgets = presets.SamplerChoice(
        steps=3, cfg=1.5, sampler_name="euler", scheduler="ddim_uniform"
    )
    noted = presets.SamplerChoice(steps=20, cfg=2.0)
    for model in (demo[0], demo[0].clone()):
        assert presets.choose("model", model, widgets) == noted
        assert presets.choose("paper", model, widgets) == presets.SamplerChoice(steps=50, cfg=2.0)
        assert presets.choose("custom", model, widgets) == widgets


def test_the_cores_presets_are_sampled_at_the_noted_guidance(presets, pack, demo, micro, caplog):
    table = pack("magicpose_core.sampling.presets").presets()
    for name in ("fast", "draft"):
        choice = presets.choose(name, demo[0], presets.SamplerChoice())
        assert (choice.steps, choice.cfg) == (table[name]["steps"], 2.0)
        assert choice.sampler_name == presets._SAMPLERS[table[name]["scheduler"]][0]
        assert presets.choose(name, micro.model, presets.SamplerChoice()).cfg == 7.0
    assert not caplog.records


def test_models_without_a_note_are_sampled_as_in_the_paper(presets, micro):
    widgets = presets.SamplerChoice(steps=3)
    assert presets.choose("model", micro.model, widgets) == presets.SamplerChoice()
    assert str(presets.SamplerChoice()) == "50 steps, cfg 7, ddim_paper"


def test_schedulers_of_a_note_are_those_of_comfyui(presets, pack, caplog):
    import comfy.samplers

    note = pack("magicpose_core.weights.notes").ModelNote
    for name in pack("magicpose_core.sampling.settings").SCHEDULERS:
        choice = presets.noted_choice(note(scheduler=name))
        samplers = (presets.PAPER_SAMPLER, *comfy.samplers.KSampler.SAMPLERS)
        assert choice.sampler_name in samplers
        assert choice.scheduler in comfy.samplers.KSampler.SCHEDULERS
    assert not caplog.records
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        assert presets.noted_choice(note(scheduler="odd")) == presets.SamplerChoice()
    assert "notes the scheduler odd, which is unknown here" in caplog.text


def test_a_preset_gives_what_its_numbers_by_hand_give(pack, demo):
    model, clip, vae, control_net, appearance_model = demo
    reference, _, truth = pack("nodes.dancer").SyntheticDancer.execute(3, 3, 1, 128, "full", 7).args
    text = clip.encode_from_tokens_scheduled(clip.tokenize(""))
    encoded = pack("nodes.appearance.nodes").EncodeReference.execute(
        appearance_model, reference, vae, 128, True, "mean", False, 0
    )

    def sampled(preset: str, steps: int, cfg: float) -> torch.Tensor:
        latent = pack("nodes.sampling").Sample.execute(
            model, encoded.args[0], control_net, torch.zeros_like(truth), text, 0, preset,
            steps, cfg, "ddim_paper", "ddim_uniform", 1.0, "image_cfg", 1,
        )  # fmt: skip
        return latent.args[0]["samples"]

    assert torch.equal(sampled("model", 1, 9.0), sampled("custom", 20, 2.0))


def test_a_photo_for_the_demo_model_is_warned_of(pack, demo, caplog):
    vae, appearance_model = demo[2], demo[4]
    photo = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(0))
    drawing = pack("nodes.dancer").SyntheticDancer.execute(3, 3, 1, 128, "full", 7).args[0]
    for image, warned in ((photo, True), (drawing, False)):
        caplog.clear()
        pack("nodes.appearance.nodes").EncodeReference.execute(
            appearance_model, image, vae, 128, True, "mean", False, 0
        )
        assert ("looks like a photo" in caplog.text) is warned
