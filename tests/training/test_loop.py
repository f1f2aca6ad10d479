"""The loop on a tiny autoencoder: resume, kill, full disk, refusals."""

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from magicpose_core.errors import CheckpointError, InputError, NotFiniteError, OutputError
from magicpose_core.training import loop
from magicpose_core.training.checkpoints import BEST, LAST, save_state
from magicpose_core.training.config import TrainingConfig
from magicpose_core.training.run import train_stage


def losses(config: TrainingConfig, name: str = "training") -> list[tuple[str, str]]:
    with (config.output / f"{name}.csv").open() as file:
        return [(row["step"], row["loss"]) for row in csv.DictReader(file)]


@pytest.fixture
def uninterrupted(vae_config: TrainingConfig, tmp_path: Path) -> TrainingConfig:
    config = replace(vae_config, output=tmp_path / "uninterrupted")
    train_stage("vae", config)
    return config


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(vae_config, uninterrupted):
    train_stage("vae", vae_config, stop_at=3)
    train_stage("vae", vae_config)
    assert losses(vae_config) == losses(uninterrupted)
    assert losses(vae_config, "validation")[-1] == losses(uninterrupted, "validation")[-1]
    resumed = load_file(vae_config.output / LAST)
    for key, tensor in load_file(uninterrupted.output / LAST).items():
        assert torch.equal(tensor, resumed[key]), key


@pytest.mark.posix
def test_batches_that_others_make_give_the_same_losses(vae_config, uninterrupted):
    helped = replace(vae_config, run=replace(vae_config.run, workers=2))
    train_stage("vae", helped, stop_at=1)
    train_stage("vae", helped)
    assert losses(helped) == losses(uninterrupted)


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from magicpose_core.training.config import read_config
from magicpose_core.training.run import train_stage

def on_step(step, loss):
    if step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

train_stage("vae", read_config(Path(sys.argv[1])), on_step=on_step)
"""
KILLED_CONFIG = """
output = "{output}"
[data]
source = "dancers"
size = 16
heldout = 2
[network]
channels = [32, 32, 32, 32]
heads = 4
text_width = 16
vae_channels = [32, 32, 32, 32]
vae_resnets = 1
[optimizer]
learning_rate = 1e-3
batch = 2
clip = 1
ema = 0.9
warmup = 2
[run]
steps = 4
save_every = 2
validate_every = 2
sample_every = 0
seed = 7
"""


@pytest.mark.posix
def test_a_killed_run_goes_on_with_the_very_same_losses(vae_config, uninterrupted, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(KILLED_CONFIG.format(output=vae_config.output))
    process = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(file)],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert len(losses(vae_config)) == 3
    train_stage("vae", vae_config)
    assert losses(vae_config) == losses(uninterrupted)


@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_run_that_ends_between_the_last_and_the_best_keeps_the_best(
    vae_config, uninterrupted, monkeypatch, saves
):
    done = []

    def save_and_end(*arguments):
        save_state(*arguments)
        done.append(arguments[0])
        if len(done) == saves:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", save_and_end)
    with pytest.raises(KeyboardInterrupt):
        train_stage("vae", vae_config)
    monkeypatch.undo()
    train_stage("vae", vae_config)
    for name in (LAST, BEST):
        assert (vae_config.output / name).read_bytes() == (uninterrupted.output / name).read_bytes()


def test_moments_in_mapped_files_change_nothing(vae_config, uninterrupted, tmp_path):
    mapped = replace(vae_config.optimizer, moments_folder=tmp_path / "moments")
    config = replace(vae_config, optimizer=mapped)
    train_stage("vae", config, stop_at=3)
    train_stage("vae", config)
    assert losses(config) == losses(uninterrupted)
    files = list((tmp_path / "moments" / "0").iterdir())  # of the first process
    assert sum(path.stat().st_size for path in files) > 0
    resumed = load_file(config.output / LAST)
    for key, tensor in load_file(uninterrupted.output / LAST).items():
        assert torch.equal(tensor, resumed[key]), key


def test_training_raises_the_psnr_of_heldout_people(vae_config):
    run = replace(vae_config.run, steps=40, validate_every=2, save_every=40)
    train_stage("vae", replace(vae_config, run=run))
    decibels = [-float(loss) for _, loss in losses(vae_config, "validation")]
    assert decibels[-1] > decibels[0] + 1


def test_accumulated_steps_count_as_one(vae_config):
    train_stage(
        "vae",
        replace(vae_config, optimizer=replace(vae_config.optimizer, accumulate=3)),
        stop_at=2,
    )
    assert [step for step, _ in losses(vae_config)] == ["1", "2"]


def test_a_full_disk_leaves_the_last_checkpoint_whole(vae_config, monkeypatch):
    train_stage("vae", vae_config, stop_at=2)
    before = (vae_config.output / LAST).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="nothing was changed, free some space"):
        train_stage("vae", vae_config)
    assert (vae_config.output / LAST).read_bytes() == before
    left = {path.name for path in vae_config.output.iterdir() if path.suffix == ".safetensors"}
    assert left == {LAST, BEST, "vae.safetensors"}


def test_a_checkpoint_of_other_networks_is_refused(vae_config):
    train_stage("vae", vae_config, stop_at=2)
    wider = replace(vae_config.network, vae_channels=(32, 32, 32, 64))
    with pytest.raises(CheckpointError, match="holds other networks than the configuration"):
        train_stage("vae", replace(vae_config, network=wider))


def test_a_run_from_other_weights_is_refused(vae_config):
    train_stage("vae", vae_config, stop_at=2)
    before = (vae_config.output / LAST).read_bytes()
    other = replace(vae_config, run=replace(vae_config.run, seed=8))
    with pytest.raises(CheckpointError, match=r"started from other weights than those that \[st"):
        train_stage("vae", other)
    assert (vae_config.output / LAST).read_bytes() == before


def test_what_a_killed_process_left_is_swept(vae_config):
    train_stage("vae", vae_config, stop_at=2)
    left = vae_config.output / ".magicpose-0123abcd"
    left.mkdir()
    (left / "last.safetensors").write_bytes(b"half")
    train_stage("vae", vae_config, stop_at=3)
    assert not left.exists()


def test_no_steps_are_no_steps(vae_config):
    train_stage("vae", vae_config, stop_at=2)
    train_stage("vae", vae_config, stop_at=0)
    assert [step for step, _ in losses(vae_config)] == ["1", "2"]


def test_a_truncated_checkpoint_is_refused(vae_config):
    train_stage("vae", vae_config, stop_at=2)
    last = vae_config.output / LAST
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=f"remove it to start anew, or put {BEST}"):
        train_stage("vae", vae_config)


def test_a_loss_that_is_no_number_ends_the_run(vae_config):
    wild = replace(
        vae_config, optimizer=replace(vae_config.optimizer, learning_rate=1e30, clip=1e30)
    )
    with pytest.raises(NotFiniteError, match=r"the loss became (nan|inf) at step \d; lower"):
        train_stage("vae", wild)


def test_too_few_processes_are_an_error(vae_config):
    two = replace(vae_config, run=replace(vae_config.run, world_size=2))
    with pytest.raises(InputError, match="use torchrun --nproc-per-node 2"):
        train_stage("vae", two)


def test_gradients_are_clipped_to_the_given_norm(vae_config, monkeypatch):
    norms = []
    original = loop.Accelerator.clip_grad_norm_

    def clip(self, parameters, max_norm, *rest):
        result = original(self, parameters, max_norm, *rest)
        gradients = [p.grad.norm() for p in parameters if p.grad is not None]
        norms.append(torch.stack(gradients).norm().item())
        return result

    monkeypatch.setattr(loop.Accelerator, "clip_grad_norm_", clip)
    tight = replace(vae_config, optimizer=replace(vae_config.optimizer, clip=1e-3))
    train_stage("vae", tight, stop_at=2)
    assert norms == pytest.approx([1e-3, 1e-3], rel=1e-3)
