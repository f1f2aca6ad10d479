"""A list of clips on a small real model, through every way on one machine."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image

from magicpose_core.cli.__main__ import main
from magicpose_core.images import write_image


@pytest.fixture
def inputs(tmp_path):
    """Two pictures and two folders with two pose maps each."""
    generator = torch.Generator().manual_seed(0)
    for name in ("ann", "ben"):
        write_image(tmp_path / f"{name}.png", torch.rand(3, 64, 64, generator=generator))
    for folder in ("walk", "jump"):
        for index in range(2):
            pose_map = torch.zeros(3, 64, 64)
            pose_map[:, 20:60, 30:34] = torch.rand(3, 1, 1, generator=generator)
            write_image(tmp_path / folder / f"{index}.png", pose_map)
    return tmp_path


@pytest.fixture
def model(micro_checkpoint):
    return [
        *("--checkpoint", str(micro_checkpoint), "--heads", "4", "--text-heads", "2"),
        *("--size", "64", "--steps", "1", "--dtype", "fp32"),
    ]


JOBS = [
    {"reference": "ann.png", "poses": "walk", "out": "ann-walk"},
    {"reference": "ben.png", "poses": "walk", "out": "ben-walk", "seed": 1},
    {"reference": "ann.png", "poses": "jump", "out": "ann-jump"},
]


def write_jobs(folder, jobs=JOBS):
    path = folder / "jobs.jsonl"
    path.write_text("".join(json.dumps(job) + "\n" for job in jobs))
    return str(path)


def contents(folder):
    """Bytes of all clips and their records; logs have times in them."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }


@pytest.fixture
def batch(inputs, model):
    def run(out, *words, jobs=JOBS, threads="1"):
        listed = write_jobs(inputs, jobs)
        device = [] if "--devices" in words else ["--device", "cpu"]
        common = [listed, "--out", str(inputs / out), *model, *device, "--threads", threads]
        return main(["batch", *common, *words])

    return run


def test_a_batch_renders_what_generate_renders(inputs, model, batch, capsys):
    assert batch("out") == 0
    assert "3 clips rendered (6 frames" in capsys.readouterr().out
    words = ["--reference", str(inputs / "ben.png"), "--poses", str(inputs / "walk")]
    alone = [*words, *model, "--device", "cpu", "--seed", "1", "--out", str(inputs / "alone")]
    assert main(["generate", *alone]) == 0
    for name in ("00000.png", "00001.png"):
        ours = np.array(Image.open(inputs / "out" / "ben-walk" / name))
        assert np.array_equal(ours, np.array(Image.open(inputs / "alone" / name)))


def test_what_is_finished_is_kept_and_what_is_missing_is_made_again(inputs, batch, capsys):
    assert batch("out") == 0
    before = contents(inputs / "out")
    ages = {path: path.stat().st_mtime_ns for path in (inputs / "out").rglob("*.png")}
    capsys.readouterr()
    (inputs / "out" / ".ben-walk.lock").touch()  # of a process that was killed
    assert batch("out") == 0
    assert "0 clips rendered (0 frames" in (said := capsys.readouterr().out)
    assert "3 kept" in said
    assert not (inputs / "out" / ".ben-walk.lock").exists()
    assert ages == {path: path.stat().st_mtime_ns for path in (inputs / "out").rglob("*.png")}
    (inputs / "out" / "ben-walk" / "00001.png").unlink()
    assert batch("out") == 0
    assert contents(inputs / "out") == before


def test_shards_and_processes_make_the_same_bytes_as_one_process(inputs, batch):
    assert batch("one") == 0
    for shard in ("1/2", "2/2"):
        assert batch("shards", "--shard", shard) == 0
    assert batch("devices", "--devices", "cpu,cpu") == 0
    one = contents(inputs / "one")
    assert contents(inputs / "shards") == one
    assert contents(inputs / "devices") == one


@pytest.mark.posix
def test_a_killed_worker_costs_nothing(inputs, batch, capsys):
    jobs = [{**JOBS[0], "out": f"{number}", "seed": number} for number in range(6)]
    killed = threading.Thread(target=_kill_a_child, args=(inputs / "out" / "0.json",))
    killed.start()
    assert batch("out", "--devices", "cpu,cpu", jobs=jobs) == 0
    killed.join()
    told = capsys.readouterr().out  # a clip that was whole when its worker died is kept
    assert "6 clips rendered" in told or ("5 clips rendered" in told and "1 kept" in told)
    assert batch("calm", jobs=jobs) == 0
    assert contents(inputs / "out") == contents(inputs / "calm")
    assert not list((inputs / "out").glob(".*.lock"))


def _kill_a_child(first_result):
    while not first_result.exists():
        time.sleep(0.05)
    import multiprocessing

    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("words", "threads", "said"),
    [
        (["--steps", "2"], "1", "sampling.steps was 1, is 2 and"),
        (["--frames-per-batch", "1"], "1", "sampling.frames_per_batch was 16, is 1"),
        ([], "2", "conditions.threads was 1, is 2"),
    ],
)
def test_another_fingerprint_is_refused_by_its_difference(batch, capsys, words, threads, said):
    jobs = JOBS[:1]
    assert batch("out", jobs=jobs) == 0
    assert batch("out", *words, jobs=jobs, threads=threads) == 2
    message = capsys.readouterr().err
    assert said.removesuffix(" and") in message
    assert "--force" in message
    assert batch("out", *words, "--force", jobs=jobs, threads=threads) == 0


def test_another_input_is_refused(inputs, batch, capsys):
    assert batch("out", jobs=JOBS[:1]) == 0
    write_image(inputs / "ann.png", torch.zeros(3, 64, 64))
    assert batch("out", jobs=JOBS[:1]) == 2
    assert "the content of reference/0" in capsys.readouterr().err


def test_a_failing_job_is_listed_and_the_others_go_on(inputs, batch, capsys):
    jobs = [{**JOBS[0], "reference": "gone.png", "out": "broken"}, JOBS[1]]
    assert batch("out", jobs=jobs) == 1
    told = capsys.readouterr()
    assert "broken: no picture at" in told.err
    assert "1 clips rendered (2 frames" in told.out
    assert "1 failed" in told.out
    assert "failed    broken" in (inputs / "out" / "batch.log").read_text()
    assert not (inputs / "out" / "broken").exists()


@pytest.mark.parametrize("words", [(), ("--devices", "cpu,cpu")])
def test_a_warning_is_told_with_its_clip_wherever_it_is_rendered(inputs, batch, capfd, words):
    picture = Image.open(inputs / "ann.png")
    picture.save(inputs / "two.gif", save_all=True, append_images=[picture.rotate(90)])
    jobs = [{**JOBS[0], "reference": "two.gif"}, JOBS[1]]
    assert batch("out", *words, jobs=jobs) == 0
    said = [line for line in capfd.readouterr().err.splitlines() if "holds several" in line]
    assert len(said) == 1
    assert said[0].startswith("magicpose: ann-walk: ")
    assert "warned    ann-walk: " in (inputs / "out" / "batch.log").read_text()


def test_a_full_disk_ends_the_batch_and_what_is_done_stays(inputs, batch, capsys, monkeypatch):
    from magicpose_core.batch import render

    original = render.write_clip

    def full(clip, job, record):
        if job.name == "ann-jump":
            raise OSError(28, "No space left on device")
        original(clip, job, record)

    monkeypatch.setattr(render, "write_clip", full)
    assert batch("out") == 1
    told = capsys.readouterr()
    assert "ann-jump: " in told.err
    assert "No space left" in told.err
    assert "1 not begun" in told.out
    assert (inputs / "out" / "ann-walk" / "00001.png").exists()


def test_a_csv_says_the_same_as_json_lines(inputs, model):
    (inputs / "jobs.csv").write_text(
        "reference,poses,out,seed,person\nben.png,walk,ben-walk,1,\nann.png,jump,clip.mp4,,all\n"
    )
    words = ["--out", str(inputs / "out"), *model, "--device", "cpu"]
    assert main(["batch", str(inputs / "jobs.csv"), *words]) == 0
    record = json.loads((inputs / "out" / "ben-walk.json").read_text())
    assert record["settings"]["sampling"]["seed"] == 1
    assert json.loads((inputs / "out" / "clip.json").read_text())["frames"] == 2


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"poses": "walk", "out": "a"}, "line 1: reference must be given"),
        ({**JOBS[0], "stepz": 3}, "line 1: unknown setting stepz"),
        ({**JOBS[0], "steps": "many"}, "line 1: argument --steps"),
        ({**JOBS[0], "steps": 0}, "line 1: --?steps must be"),
        ({**JOBS[0], "out": "../a"}, "line 1: out must be a folder"),
        ({**JOBS[0], "checkpoint": "x"}, "line 1: unknown setting checkpoint"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_rendered(inputs, batch, capsys, job, said):
    import re

    assert batch("out", jobs=[job]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not (inputs / "out").exists()


def test_two_jobs_of_one_place_are_refused(batch, capsys):
    assert batch("out", jobs=[JOBS[0], {**JOBS[1], "out": JOBS[0]["out"]}]) == 2
    assert "have one place" in capsys.readouterr().err


def test_no_ray_cluster_is_told(batch, capsys):
    assert batch("out", "--ray", "127.0.0.1:1", jobs=JOBS[:1]) == 2
    message = capsys.readouterr().err
    assert "no Ray cluster at 127.0.0.1:1" in message or "magicpose[cluster]" in message
