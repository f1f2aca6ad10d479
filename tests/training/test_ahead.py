"""Batches made by other processes are those that the training process makes itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from magicpose_core.data.dancers.subjects import dancer_subjects
from magicpose_core.training.ahead import choose_workers, made_ahead
from magicpose_core.training.latents import open_cache
from magicpose_core.training.randomness import torch_generator
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import find_part
from magicpose_core.weights.loading import load_network
from magicpose_core.weights.recipes import VAE

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)


def a_batch(number):
    return {"noise": torch.randn(3, generator=torch_generator(7, number)), "number": number}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_things_come_in_their_order(workers):
    made = list(made_ahead(a_batch, range(5, 17), workers))
    assert [each["number"] for each in made] == list(range(5, 17))
    for each in made:
        torch.testing.assert_close(each["noise"], a_batch(each["number"])["noise"], rtol=0, atol=0)


def test_others_make_them():
    assert os.getpid() in set(made_ahead(lambda _: os.getpid(), range(4), 0))
    assert os.getpid() not in set(made_ahead(lambda _: os.getpid(), range(4), 2))


def test_nothing_is_made_of_nothing():
    assert list(made_ahead(a_batch, range(3, 3), 2)) == []


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    list(made_ahead(a_batch, range(4), 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_over_there_is_raised_here():
    def fails(number):
        raise ValueError(f"no batch {number}")

    with pytest.raises(ValueError, match="no batch 0"):
        list(made_ahead(fails, range(4), 2))


def test_a_gpu_gets_what_the_cores_allow_and_a_cpu_keeps_its_own():
    assert choose_workers(None, torch.device("cpu")) == 0
    assert choose_workers(3, torch.device("cpu")) == 3
    assert choose_workers(None, torch.device("cuda")) == min(16, os.cpu_count() - 1)


def test_frames_drawn_by_others_are_encoded_to_the_same_latents(tiny_vae_file, tmp_path):
    vae = load_network(VAE, find_part(open_checkpoint(tiny_vae_file), "vae"))
    subjects = dancer_subjects("train", 5, 3, 64)
    alone, helped = (
        open_cache(tmp_path / str(workers), subjects, vae, 64, workers) for workers in (0, 2)
    )
    np.testing.assert_array_equal(alone.moments, helped.moments)
    np.testing.assert_array_equal(alone.pose_maps, helped.pose_maps)
    assert alone.names == helped.names
    np.testing.assert_array_equal(alone.bounds, helped.bounds)


def test_a_system_that_cannot_fork_says_so(monkeypatch, caplog):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    assert choose_workers(3, torch.device("cpu")) == 0
    assert "run.workers 3 needs a system that can fork" in caplog.text


def test_a_signal_to_all_processes_is_the_commands_to_answer():
    """A cluster's scheduler ends the whole group, makers first as it happens."""
    lines = """
        import time
        from magicpose_core.cli.signals import ending_signals_raised
        from magicpose_core.training.ahead import made_ahead
        def make(number):
            time.sleep(0.02)
            return number
        with ending_signals_raised():
            try:
                for made in made_ahead(make, range(1000), 2):
                    print(made, flush=True)
            except KeyboardInterrupt:
                print("told", flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(lines)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "0\n"
    os.killpg(process.pid, signal.SIGTERM)
    told, complaints = process.communicate(timeout=60)
    assert told.endswith("told\n")
    assert complaints == ""
