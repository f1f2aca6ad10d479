"""Whole DDIM runs against the authors' (tests/golden/README.md names each run)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from magicpose_core.models.denoiser import Conditioning
from magicpose_core.sampling.denoise import denoise
from magicpose_core.sampling.guidance import guide
from magicpose_core.sampling.schedules import add_noise
from magicpose_core.sampling.steppers import Ddim
from magicpose_core.sampling.windows import FrameWindows

WHOLE_RUN = 1e-4


@dataclass(frozen=True, kw_only=True)
class Run:
    steps: int = 4
    scale: float = 7.0
    texts: tuple[str, str] = ("context_cond", "context_cond")  # of the two halves
    balance: bool = False
    inputs: str = ""  # prefix of the run's own inputs


RUNS = {
    "important4": Run(),
    "important10": Run(steps=10),
    "important20": Run(steps=20),
    "important4_empty_text": Run(texts=("context_uncond", "context_uncond")),
    "important4_scale2": Run(scale=2.0),
    "important4_scale3.5": Run(scale=3.5),
    "balance4": Run(balance=True, texts=("context_cond", "context_uncond")),
    "balance10": Run(balance=True, steps=10, texts=("context_cond", "context_uncond")),
    "scale1_4": Run(scale=1.0),
    "nonsquare4": Run(inputs="nonsquare4."),
    "frames3": Run(inputs="frames3."),
}


def no_noise(latents):
    raise AssertionError("a deterministic stepper asked for noise")


def guided_prediction(denoiser, numbers, run, reference):
    hints = denoiser.pose.embed(numbers.get(f"{run.inputs}pose_map", numbers["pose_map"]))

    def half(text: str, *, control: bool):
        return denoiser.prepare(
            Conditioning(
                text=numbers[text],
                reference=reference if control else None,
                hint=(lambda frames: hints[list(frames)]) if control else None,
            )
        )

    conditional, unconditional = run.texts
    return guide(
        half(conditional, control=True), half(unconditional, control=run.balance), run.scale
    )


def start(numbers, run):
    noise = numbers.get(f"{run.inputs}x_T", numbers["x_T"])
    frames = numbers.get(f"{run.inputs}pose_map", numbers["pose_map"]).shape[0]
    return noise.expand(frames, -1, -1, -1)


@torch.no_grad()
@pytest.mark.parametrize("name", RUNS)
def test_run_equals_the_authors(micro_models, golden, relative_error, name):
    numbers, run = golden("ddim"), RUNS[name]
    latent = numbers.get(f"{run.inputs}reference_latent", numbers["reference_latent"])
    predict = guided_prediction(micro_models.denoiser, numbers, run, lambda _: latent)
    noise = start(numbers, run)
    samples = denoise(predict, noise, Ddim(run.steps), FrameWindows(2), no_noise)
    assert relative_error(samples, numbers[f"{name}.samples"]) < WHOLE_RUN


@torch.no_grad()
def test_noisy_reference_equals_the_authors(micro_models, golden, relative_error):
    numbers, stepper = golden("ddim"), Ddim(4)
    noises = dict(zip(stepper.timesteps, numbers["noisy_reference4.reference_noise"], strict=True))

    def reference(timestep):
        clean = numbers["reference_latent"]
        return add_noise(clean, noises[timestep], torch.tensor(timestep))

    predict = guided_prediction(micro_models.denoiser, numbers, Run(), reference)
    samples = denoise(predict, numbers["x_T"], stepper, FrameWindows(1), no_noise)
    assert relative_error(samples, numbers["noisy_reference4.samples"]) < WHOLE_RUN


@torch.no_grad()
def test_fresh_noise_at_each_step_equals_the_authors(micro_models, golden, relative_error):
    numbers = golden("ddim")
    noises = iter(numbers["eta1_4.step_noise"])
    predict = guided_prediction(
        micro_models.denoiser, numbers, Run(), lambda _: numbers["reference_latent"]
    )
    samples = denoise(
        predict, numbers["x_T"], Ddim(4, eta=1.0), FrameWindows(1), lambda _: next(noises)
    )
    assert relative_error(samples, numbers["eta1_4.samples"]) < WHOLE_RUN


@torch.no_grad()
def test_windows_and_their_overlap_change_nothing(micro_models, golden):
    numbers, run = golden("ddim"), RUNS["frames3"]
    results = []
    for windows in (FrameWindows(1), FrameWindows(2), FrameWindows(2, overlap=1), FrameWindows(3)):
        predict = guided_prediction(
            micro_models.denoiser, numbers, run, lambda _: numbers["reference_latent"]
        )
        results.append(denoise(predict, start(numbers, run), Ddim(2), windows, no_noise))
    for other in results[1:]:
        torch.testing.assert_close(other, results[0], atol=1e-4, rtol=1e-4)
