"""What cannot be a CUDA graph is refused before anything is captured (tests/gpu captures one)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.training import loop
from magicpose_core.training.config import (
    DataConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
)
from magicpose_core.training.graphed import check_graphs
from magicpose_core.training.run import train_stage

CUDA = torch.device("cuda")


def configured(run, optimizer=OptimizerConfig()):  # noqa: B008 - frozen
    return TrainingConfig(output=Path("run"), run=run, optimizer=optimizer)


@pytest.mark.parametrize(
    ("stage", "run", "device", "message"),
    [
        ("base", RunConfig(cuda_graphs=True), torch.device("cpu"), "needs CUDA .* on cpu"),
        ("vae", RunConfig(cuda_graphs=True), CUDA, "for base, stage1, stage2, stage3, not for vae"),
        ("stage3", RunConfig(cuda_graphs=True), CUDA, r"own_renderings 1 in stage3, got 0\.0"),
        ("base", RunConfig(cuda_graphs=True, mixed_precision="fp16"), CUDA, 'got "fp16" and false'),
        ("base", RunConfig(cuda_graphs=True, gradient_checkpointing=True), CUDA, '"no" and true'),
        ("base", RunConfig(cuda_graphs=True, world_size=2), CUDA, "world_size 1, got 2"),
    ],
)
def test_what_no_graph_holds_is_refused(stage, run, device, message):
    with pytest.raises(InputError, match=message):
        check_graphs(stage, configured(run), device)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (OptimizerConfig(accumulate=2), r"optimizer\.accumulate 1, got 2"),
        (OptimizerConfig(kind="muon"), 'kind "adamw" .* got "muon" and false'),
        (OptimizerConfig(eight_bit=True), 'got "adamw" and true'),
    ],
)
def test_other_steps_are_refused(optimizer, message):
    with pytest.raises(InputError, match=message):
        check_graphs("base", configured(RunConfig(cuda_graphs=True), optimizer), CUDA)


def test_the_rest_passes():
    check_graphs("stage2", configured(RunConfig(cuda_graphs=True)), CUDA)
    check_graphs("base", configured(RunConfig(cuda_graphs=True, mixed_precision="bf16")), CUDA)
    check_graphs("vae", configured(RunConfig()), torch.device("cpu"))


def test_a_run_without_cuda_is_refused_before_a_frame_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "choose_device", lambda: torch.device("cpu"))
    config = TrainingConfig(
        output=tmp_path / "run",
        data=DataConfig(source="dancers", cache=tmp_path / "cache"),
        run=RunConfig(cuda_graphs=True),
    )
    with pytest.raises(InputError, match="cuda_graphs needs CUDA"):
        train_stage("base", config)
    assert not (tmp_path / "cache").exists()
