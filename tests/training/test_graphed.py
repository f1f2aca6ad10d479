"""What cannot be a CUDA graph is refused before anything is captured (tests/gpu captures one)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.training.config import OptimizerConfig, RunConfig, TrainingConfig
from magicpose_core.training.graphed import check_graphs

CUDA = torch.device("cuda")


def configured(run, optimizer=OptimizerConfig()):  # noqa: B008 - frozen
    return TrainingConfig(output=Path("run"), run=run, optimizer=optimizer)


@pytest.mark.parametrize(
    ("stage", "run", "device", "message"),
    [
        ("base", RunConfig(cuda_graphs=True), torch.device("cpu"), "needs CUDA .* on cpu"),
        ("vae", RunConfig(cuda_graphs=True), CUDA, "for base, stage1, stage2, not for vae"),
        ("stage3", RunConfig(cuda_graphs=True), CUDA, "not for stage3"),
        ("base", RunConfig(cuda_graphs=True, mixed_precision="bf16"), CUDA, 'got "bf16" and false'),
        ("base", RunConfig(cuda_graphs=True, gradient_checkpointing=True), CUDA, '"no" and true'),
    ],
)
def test_what_no_graph_holds_is_refused(stage, run, device, message):
    with pytest.raises(InputError, match=message):
        check_graphs(stage, configured(run), device)


def test_accumulated_gradients_are_refused():
    config = configured(RunConfig(cuda_graphs=True), OptimizerConfig(accumulate=2))
    with pytest.raises(InputError, match=r"optimizer\.accumulate 1, got 2"):
        check_graphs("base", config, CUDA)


def test_the_rest_passes():
    check_graphs("stage2", configured(RunConfig(cuda_graphs=True)), CUDA)
    check_graphs("vae", configured(RunConfig()), torch.device("cpu"))
