"""Two processes on gloo: other data each, the same weights at the end."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.posix  # torchrun's gloo

RUN = """
import os, sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from magicpose_core.training.config import parse, TrainingConfig
from magicpose_core.training.loop import Task, make_accelerator, train
from magicpose_core.training.vae_task import start_vae, vae_task
from dataclasses import replace

folder = Path(sys.argv[1])
config = parse(TrainingConfig, {
    "output": str(folder / "run"),
    "data": {"source": "dancers", "size": 16, "heldout": 2},
    "network": {"vae_channels": [32, 32, 32, 32], "vae_resnets": 1},
    "optimizer": {"learning_rate": 1e-3, "batch": 2},
    "run": {"steps": 2, "validate_every": 2, "sample_every": 0, "world_size": 2},
}, "test")
accelerator = make_accelerator(config)
vae = start_vae(config)
task = vae_task(config, vae, accelerator.process_index)
seen = []

def batch_at(number):
    batch = task.batch_at(number)
    seen.append(batch["pictures"])
    return batch

train(replace(task, batch_at=batch_at), config, accelerator)
weights = {name: value.contiguous() for name, value in vae.state_dict().items()}
weights["seen"] = torch.stack(seen)
save_file(weights, folder / f"{accelerator.process_index}.safetensors")
"""


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, torch.Tensor]]:
    folder = tmp_path_factory.mktemp("processes")
    script = folder / "run.py"
    script.write_text(RUN)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launcher, "--nproc-per-node", "2", str(script), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return [load_file(folder / f"{rank}.safetensors") for rank in (0, 1)]


def test_processes_see_different_pictures(processes: list[dict[str, torch.Tensor]]):
    first, second = (process["seen"].flatten(0, 1) for process in processes)
    for picture in first:
        assert not any(torch.equal(picture, other) for other in second)


def test_processes_end_with_equal_weights(processes: list[dict[str, torch.Tensor]]):
    first, second = processes
    for key in first.keys() - {"seen"}:
        assert torch.equal(first[key], second[key]), key
