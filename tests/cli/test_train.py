"""``magicpose train`` and ``magicpose evaluate`` from the command line."""

import json

import pytest
import torch

from magicpose_core.cli.__main__ import main
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
        write_image(tmp_path / folder / "0.png", torch.full((3, 16, 16), 0.5))
    words = [str(tmp_path / "results"), "--truth", str(tmp_path / "truth")]
    assert main(["evaluate", *words, "--out", str(tmp_path / "out")]) == 0
    assert "| results |" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert report["figures"]["results"]["mean_absolute_error"] == 0


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
    assert "name it as RESULTS" in capsys.readouterr().err
