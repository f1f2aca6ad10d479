"""Two nodes, each with its own launcher, train as one process with the same global batch does.

Four steps here; MAGICPOSE_EQUALITY_STEPS=20 takes as many as it says. Stage 3 starts from the base
that one process trained.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.posix  # torchrun's gloo

STAGES = ("base", "stage3")
STEPS = int(os.environ.get("MAGICPOSE_EQUALITY_STEPS", "4"))
RUN = """
import json, sys
from dataclasses import replace
from pathlib import Path

import torch

from magicpose_core.training.clip_task import clip_task
from magicpose_core.training.config import TrainingConfig, parse
from magicpose_core.training.denoiser_task import (
    denoiser_task, export_denoiser, find_subjects, open_caches)
from magicpose_core.training.loop import make_accelerator, train
from magicpose_core.training.stages import find_stage, freeze
from magicpose_core.training.start import start_models

folder, stage_name = Path(sys.argv[1]), sys.argv[2]
world, steps = map(int, sys.argv[3:])
clips = stage_name == "stage3"
output = folder / stage_name / str(world)
config = parse(TrainingConfig, {
    "output": str(output),
    "data": {"source": "dancers", "people": 4, "heldout": 2,
             "cache": str(folder / stage_name / "cache"),
             **({"size": 128, "frames": 4, "clip": 3} if clips else {"size": 64, "frames": 2})},
    "start": {"checkpoint": str(folder / "base" / "1" / "base.safetensors")} if clips else
             {"vae": str(folder / "vae.safetensors")},
    "network": {"channels": [32, 32, 32, 32], "heads": 4, "text_width": 16,
                "vae_channels": [32, 32, 32, 32], "vae_resnets": 1},
    "optimizer": {"learning_rate": 1e-4, "batch": 1 if clips else 2},
    "run": {"steps": steps, "validate_every": steps, "sample_every": 0, "world_size": world},
}, "test")
accelerator = make_accelerator(config)
stage = find_stage(stage_name, config.objective)
models = start_models(config, stage)
freeze(models.denoiser, stage)
subjects = find_subjects(config.data, config.run.seed, clips=clips)
cache, heldout = open_caches(config, models, subjects)

def task_of(rank):
    caches = cache.shard(rank, 2), heldout
    if clips:
        return clip_task(config, models, caches, rank)
    return denoiser_task(config, stage, models, caches, rank)

tasks = list(map(task_of, range(2) if world == 1 else [accelerator.process_index]))
drawn, losses = [], []

def subject_of(pose_map):
    found = (torch.from_numpy(cache.pose_maps).permute(0, 3, 1, 2) == (255 * pose_map).round())
    frame = int(found.flatten(1).all(dim=1).nonzero()[0])
    (place,) = [i for i, (first, end) in enumerate(cache.bounds) if first <= frame < end]
    return cache.names[place]

def batch_at(number):
    batches = [task.batch_at(number) for task in tasks]
    joined = {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}
    maps = joined["pose_maps"]
    maps = maps if clips else maps.unsqueeze(1)  # (B, F, 3, H, W)
    drawn.append([subject_of(frames[0]) for frames in maps])
    return joined

train(replace(tasks[0], batch_at=batch_at), config, accelerator,
      on_step=lambda step, loss: losses.append(loss))
(folder / stage_name / f"{world}-{accelerator.process_index}.json").write_text(
    json.dumps({"losses": losses, "drawn": drawn}))
if stage_name == "base" and world == 1:
    export_denoiser(config, stage)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_vae_file) -> dict[str, dict]:
    """What one process, and each of two nodes, lost and drew, by stage."""
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "vae.safetensors").write_bytes(tiny_vae_file.read_bytes())
    (folder / "run.py").write_text(RUN)
    return {stage: _train(folder, stage) for stage in STAGES}


def _train(folder: Path, stage: str) -> dict[str, dict]:
    def start(launcher: list[str], world: int) -> subprocess.Popen:
        words = [*launcher, str(folder / "run.py"), str(folder), stage, str(world), str(STEPS)]
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
    read = folder / stage
    return {name: json.loads((read / f"{name}.json").read_text()) for name in ("1-0", "2-0", "2-1")}


@pytest.mark.parametrize("stage", STAGES)
def test_two_nodes_lose_what_one_process_loses(runs, stage):
    alone = runs[stage]["1-0"]["losses"]
    assert len(alone) == STEPS
    for node in ("2-0", "2-1"):
        assert runs[stage][node]["losses"] == pytest.approx(alone, abs=1e-5)
    assert len(set(alone)) == STEPS


@pytest.mark.parametrize("stage", STAGES)
def test_nodes_draw_other_people_and_together_those_of_one_process(runs, stage):
    first, second = (runs[stage][node]["drawn"] for node in ("2-0", "2-1"))
    people = [{name for step in drawn for name in step} for drawn in (first, second)]
    assert all(people)
    assert not people[0] & people[1]
    assert [a + b for a, b in zip(first, second, strict=True)] == runs[stage]["1-0"]["drawn"]
