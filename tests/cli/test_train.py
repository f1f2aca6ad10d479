"""``magicpose train`` and ``magicpose evaluate`` from the command line."""

import json
import os
import sys

import pytest
import torch

from magicpose_core.cli.__main__ import main
from magicpose_core.files import lock_folder
from magicpose_core.images import write_image
from magicpose_core.weights.checkpoint import open_checkpoint
from magicpose_core.weights.contents import find_parts

CONFIG = """
output = "{output}"
[data]
source = "dancers"
size = 16
heldout = 2
[network]
vae_channels = [32, 32, 32, 32]
vae_resnets = 1
[optimizer]
batch = 2
[run]
steps = 100
sample_every = 0
"""


def test_train_stops_where_asked_and_exports(tmp_path, capsys, caplog):
    config = tmp_path / "vae.toml"
    config.write_text(CONFIG.format(output=tmp_path / "run"))
    assert main(["train", "vae", str(config), "--steps", "2"]) == 0
    exported = tmp_path / "run" / "vae.safetensors"
    assert str(exported) in capsys.readouterr().out
    assert "numbers trained" in caplog.text
    assert set(find_parts(open_checkpoint(exported))) == {"vae"}
    rows = (tmp_path / "run" / "training.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["step", "1", "2"]


def test_an_unknown_setting_ends_with_one_line(tmp_path, capsys):
    config = tmp_path / "vae.toml"
    config.write_text('output = "x"\nlearning_rate = 1e-3\n')
    assert main(["train", "vae", str(config)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("magicpose train: vae.toml has no setting learning_rate; it has")
    assert error.count("\n") == 1


def test_evaluate_compares_two_folders(tmp_path, capsys):
    for folder in ("results", "truth"):
        for name in ("0.png", "1.png"):
            write_image(tmp_path / folder / name, torch.full((3, 16, 16), 0.5))
    words = [str(tmp_path / "results"), "--truth", str(tmp_path / "truth")]
    assert main(["evaluate", *words, "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "| copied frame |" in told
    assert "- not measured: fid, kid (needs pt_inception" in told
    report = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert report["overall"]["result"]["mean_absolute_error"]["mean"] == 0
    assert report["overall"]["result"]["psnr"]["mean"] == "inf"


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_evaluate_measures_a_model_put_together_from_parts(micro_checkpoint, capsys, dtype):
    weights = ("--checkpoint", str(micro_checkpoint), "--pose-controlnet", str(micro_checkpoint))
    words = ("--heads", "4", "--text-heads", "2", "--device", "cpu", "--dtype", dtype)
    few = ("--people", "1", "--size", "64", "--steps", "1", "--model-only")
    assert main(["evaluate", *weights, *words, *few]) == 0
    told = capsys.readouterr().out
    assert "| model |" in told
    assert "guidance 1" not in told


def test_evaluate_wants_both_folders(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "add --truth FOLDER" in capsys.readouterr().err
    assert main(["evaluate", "--truth", str(tmp_path)]) == 2
    assert "--truth does nothing without RESULTS; name RESULTS" in capsys.readouterr().err


def test_a_folder_in_which_another_run_trains_is_left_alone(tmp_path, capsys):
    config = tmp_path / "vae.toml"
    config.write_text(CONFIG.format(output=tmp_path / "run"))
    with lock_folder(tmp_path / "run"):
        assert main(["train", "vae", str(config), "--steps", "2"]) == 2
    assert f"run is in use by process {os.getpid()} on" in capsys.readouterr().err
    assert list((tmp_path / "run").iterdir()) == []


def test_the_weights_that_a_run_starts_from_are_not_replaced(tmp_path, capsys):
    start = tmp_path / "run" / "vae.safetensors"
    start.parent.mkdir()
    start.write_bytes(b"precious")
    config = tmp_path / "vae.toml"
    config.write_text(CONFIG.format(output=start.parent) + f'[start]\nvae = "{start}"\n')
    assert main(["train", "vae", str(config), "--steps", "2"]) == 2
    assert "vae.safetensors is an input and would be replaced" in capsys.readouterr().err
    assert start.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"output = " + b"[" * 100_000, "its values are too deep"),
        (b"output = " + b"9" * 5000, "is no TOML file"),
        (b"output = \xff", "is no TOML file"),
        (b"#" * (1 << 19), "is no TOML file: it has more than"),
    ],
)
def test_hostile_configurations_are_one_line(tmp_path, capsys, content, text):
    (tmp_path / "vae.toml").write_bytes(content)
    assert main(["train", "vae", str(tmp_path / "vae.toml")]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_training_without_its_packages_says_what_to_install(tmp_path, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("magicpose_core.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    (tmp_path / "vae.toml").write_text(CONFIG.format(output=tmp_path / "run"))
    assert main(["train", "vae", str(tmp_path / "vae.toml")]) == 2
    assert "accelerate is missing; pip install 'magicpose[train]'" in capsys.readouterr().err


def test_figures_that_are_there_need_force(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures.md").write_text("precious")
    for folder in ("results", "truths"):
        write_image(tmp_path / folder / "0.png", torch.full((3, 16, 16), 0.5))
    words = [str(tmp_path / "results"), "--truth", str(tmp_path / "truths")]
    assert main(["evaluate", *words, "--out", str(tmp_path / "out")]) == 2
    assert "figures.md is there already; add --force" in capsys.readouterr().err
    assert main(["evaluate", *words, "--out", str(tmp_path / "results"), "--force"]) == 2
    assert "would take it for an input" in capsys.readouterr().err
