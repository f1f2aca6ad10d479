"""``magicpose demo``, as short as it can be."""

from __future__ import annotations

import json

import pytest
import torch

from magicpose_core.cli.__main__ import main
from magicpose_core.demo.inputs import DEMO_FRAMING
from magicpose_core.demo.model import DEMO_MOTION, demo_checkpoint
from magicpose_core.evaluation.ablations import MODEL
from magicpose_core.evaluation.heldout_dancers import evaluate_dancers
from magicpose_core.images import read_image
from magicpose_core.models.motion import MotionUNet
from magicpose_core.pipeline_loading import load_pipeline
from magicpose_core.sampling.settings import SamplingSettings
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import describe, find_parts
from magicpose_core.weights.misfit import why_it_does_not_load

SHORT = ("--frames", "3", "--steps", "1", "--people", "1")


def test_a_clip_is_rendered_from_files_and_measured(tmp_path, capsys):
    out = tmp_path / "demo"
    for folder in (out, tmp_path / "demo-2"):  # the second leaves the first as it is
        assert main(["demo", "--out", str(out), *SHORT]) == 0
        told = capsys.readouterr().out
        assert f"clip:              {folder / 'clip.mp4'}" in told
        assert "| copy of the reference |" in told
        assert len(list((folder / "inputs" / "poses").iterdir())) == 3
        assert (folder / "clip.mp4").stat().st_size > 0
        assert read_image(folder / "clip.sheet.png").shape[-1] > 4 * 256
        assert f"faces, enlarged:   {folder / 'faces.png'}" in told
        assert read_image(folder / "faces.png").shape[-2:] == (256, 3 * 128)
        assert f"through time:      {folder / 'motion.png'}" in told
        assert read_image(folder / "motion.png").shape[-1] > 3 * 256
        figures = json.loads((folder / "figures.json").read_text())
        assert figures["settings"]["guidance_scale"] == 2
        assert figures["figures"]["model"]["psnr"] > 5
        assert figures["figures"]["truth"]["flicker"] == 0
        assert figures["figures"]["with the motion module"]["flicker"] > 0
        assert "| each frame alone |" in told


def test_the_shipped_model_is_small_whole_and_free_to_use():
    checkpoint = demo_checkpoint()
    assert checkpoint.stat().st_size <= 60_000_000
    file = open_checkpoint(checkpoint)
    assert describe(file) == "a whole MagicPose model"
    assert not any(why_it_does_not_load(part) for part in find_parts(file).values())
    assert {tensor.dtype for tensor in file.tensors.values()} == {torch.float16}
    assert "Apache-2.0" in checkpoint.with_name("README.md").read_text(encoding="utf-8")


def test_the_shipped_motion_module_fits_the_model_and_is_small():
    assert DEMO_MOTION.stat().st_size <= 11_000_000
    models = load_pipeline(demo_checkpoint(), motion_module=DEMO_MOTION, dtype="fp32").models
    assert isinstance(models.denoiser.unet, MotionUNet)


def test_strangers_keep_their_background_and_take_the_pose():
    pipeline = load_pipeline(device="cpu", dtype="fp32")
    sampling = SamplingSettings(steps=8)
    names = (MODEL, "copy of the reference", "another's reference")
    figures = evaluate_dancers(
        pipeline, sampling, people=range(4), size=128, framing=DEMO_FRAMING, names=names
    )
    assert figures[MODEL]["psnr"] > figures["copy of the reference"]["psnr"]
    assert figures[MODEL]["psnr"] > figures["another's reference"]["psnr"] + 1
    assert figures[MODEL]["pose_retrieval"] >= 0.75


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--steps", "1000"), "1..999, got 1000"),
        (("--dancer", "-1"), "--dancer must be a whole number of 0 or more"),
    ],
)
def test_bad_numbers_are_refused_before_anything_is_drawn(tmp_path, capsys, words, text):
    assert main(["demo", "--out", str(tmp_path / "demo"), *words]) == 2
    assert text in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
