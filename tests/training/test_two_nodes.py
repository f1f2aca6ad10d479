"""Two nodes, each with its own launcher, train as one process with the same global batch does.

Four steps here; MAGICPOSE_EQUALITY_STEPS=20 takes as many as it says.
"""

import json
import os
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.posix  # torchrun's gloo

STEPS = int(os.environ.get("MAGICPOSE_EQUALITY_STEPS", "4"))
RUN = """
import json, sys
from dataclasses import replace
from pathlib import Path

import torch

from magicpose_core.training.config import TrainingConfig, parse
from magicpose_core.training.denoiser_task import denoiser_task, find_subjects, open_caches
from magicpose_core.training.loop import make_accelerator, train
from magicpose_core.training.stages import find_stage, freeze
from magicpose_core.training.start import start_models

folder, world, steps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config = parse(TrainingConfig, {
    "output": str(folder / f"run{world}"),
    "data": {"source": "dancers", "size": 64, "people": 4, "frames": 2, "heldout": 2,
             "cache": str(folder / "cache")},
    "start": {"vae": str(folder / "vae.safetensors")},
    "network": {"channels": [32, 32, 32, 32], "heads": 4, "text_width": 16,
                "vae_channels": [32, 32, 32, 32], "vae_resnets": 1},
    "optimizer": {"learning_rate": 1e-4, "batch": 2},
    "run": {"steps": steps, "validate_every": steps, "sample_every": 0, "world_size": world},
}, "test")
accelerator = make_accelerator(config)
stage = find_stage("base", config.objective)
models = start_models(config, stage)
freeze(models.denoiser, stage)
cache, heldout = open_caches(config, models, find_subjects(config.data, config.run.seed))
ranks = range(2) if world == 1 else [accelerator.process_index]
tasks = [denoiser_task(config, stage, models, (cache.shard(rank, 2), heldout), rank)
         for rank in ranks]
drawn, losses = [], []

def subject_of(pose_map):
    found = (torch.from_numpy(cache.pose_maps).permute(0, 3, 1, 2) == (255 * pose_map).round())
    frame = int(found.flatten(1).all(dim=1).nonzero()[0])
    (place,) = [i for i, (first, end) in enumerate(cache.bounds) if first <= frame < end]
    return cache.names[place]

def batch_at(number):
    batches = [task.batch_at(number) for task in tasks]
    joined = {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}
    drawn.append([subject_of(pose_map) for pose_map in joined["pose_maps"]])
    return joined

train(replace(tasks[0], batch_at=batch_at), config, accelerator,
      on_step=lambda step, loss: losses.append(loss))
(folder / f"{world}-{accelerator.process_index}.json").write_text(
    json.dumps({"losses": losses, "drawn": drawn}))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_vae_file) -> dict[str, dict]:
    """What one process, and each of two nodes, lost and drew."""
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "vae.safetensors").write_bytes(tiny_vae_file.read_bytes())
    (folder / "run.py").write_text(RUN)

    def start(launcher: list[str], world: int) -> subprocess.Popen:
        words = [*launcher, str(folder / "run.py"), str(folder), str(world), str(STEPS)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)

    def finish(process: subprocess.Popen) -> None:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors.decode()[-2000:]

    finish(start([sys.executable], 1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
    launcher += ["--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", str(port)]
    nodes = [start([*launcher, "--node-rank", str(rank)], 2) for rank in (0, 1)]
    for node in nodes:
        finish(node)
    return {
        name: json.loads((folder / f"{name}.json").read_text()) for name in ("1-0", "2-0", "2-1")
    }


def test_two_nodes_lose_what_one_process_loses(runs):
    alone = runs["1-0"]["losses"]
    assert len(alone) == STEPS
    for node in ("2-0", "2-1"):
        assert runs[node]["losses"] == pytest.approx(alone, abs=1e-5)
    assert len(set(alone)) == STEPS


def test_nodes_draw_other_people_and_together_those_of_one_process(runs):
    first, second = (runs[node]["drawn"] for node in ("2-0", "2-1"))
    people = [{name for step in drawn for name in step} for drawn in (first, second)]
    assert all(people)
    assert not people[0] & people[1]
    assert [a + b for a, b in zip(first, second, strict=True)] == runs["1-0"]["drawn"]
