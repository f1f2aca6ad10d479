"""``magicpose inspect`` and ``magicpose convert``."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from magicpose_core import __version__
from magicpose_core.cli.__main__ import main
from magicpose_core.weights.convert import convert


def test_inspect_accounts_for_every_key(micro_checkpoint, capsys):
    assert main(["inspect", str(micro_checkpoint)]) == 0
    text = capsys.readouterr().out
    for line in (
        "a whole MagicPose model",
        "appearance control model: 696 keys (appearance_control_model.)",
        "13 keys of no sub-model: betas, alphas_cumprod",
        "2012 keys in all, 0.04 GB",
    ):
        assert line in text
    assert "does not load" not in text
    main(["inspect", str(micro_checkpoint), "--keys"])
    assert capsys.readouterr().out.count("float32") > 2000


def test_inspect_says_what_a_file_lacks(micro_state, tmp_path, capsys):
    state = dict(micro_state)
    del state["first_stage_model.quant_conv.bias"]
    torch.save(state, tmp_path / "short.th")
    assert main(["inspect", str(tmp_path / "short.th")]) == 0
    assert "does not load: 1 missing (quant_conv.bias)" in capsys.readouterr().out


def test_convert_writes_what_inspect_reads(micro_checkpoint, tmp_path, capsys):
    out = tmp_path / "micro.safetensors"
    words = ["convert", str(micro_checkpoint), "--out", str(out), "--dtype", "bf16"]
    assert main([*words, "--heads", "4"]) == 0
    assert load_file(out)["model.diffusion_model.out.2.bias"].dtype == torch.bfloat16
    capsys.readouterr()
    main(["inspect", str(out)])
    assert "magicpose.heads = 4" in capsys.readouterr().out


def test_convert_keeps_an_incomplete_sub_model_and_says_so(micro_state, tmp_path, capsys):
    lacking = "model.diffusion_model.out.2.bias"
    state = {key: tensor for key, tensor in micro_state.items() if key != lacking}
    save_file(state, tmp_path / "cut.safetensors")
    out = tmp_path / "converted.safetensors"
    assert main(["convert", str(tmp_path / "cut.safetensors"), "--out", str(out)]) == 0
    told = capsys.readouterr().err
    name = "Stable Diffusion U-Net in converted.safetensors"
    assert f"note: {name} does not load: 1 missing (out.2.bias)" in told
    assert told.count("note:") == 1


def test_inspect_builds_the_networks_with_the_heads_of_the_file(micro_checkpoint, tmp_path, capsys):
    convert([micro_checkpoint], tmp_path / "odd.safetensors", dtype=torch.float16, heads=5)
    main(["inspect", str(tmp_path / "odd.safetensors")])
    text = capsys.readouterr().out
    assert text.count("5 attention heads do not divide its 32 channels") == 3


def test_an_error_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "absent.th")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("magicpose inspect: no weight file at")
    assert error.count("\n") == 1


def test_convert_wants_the_right_ending(micro_checkpoint, tmp_path, capsys):
    words = ["convert", str(micro_checkpoint), "--out", str(tmp_path / "micro.ckpt")]
    assert main(words) == 2
    assert "--out must end in .safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("split", [False, True])
def test_convert_replaces_nothing_unasked_and_no_input_ever(
    micro_checkpoint, tmp_path, capsys, split
):
    there = tmp_path / "pose.safetensors"
    there.write_bytes(b"precious")
    out = ["--out", str(tmp_path), "--split"] if split else ["--out", str(there)]
    assert main(["convert", str(micro_checkpoint), *out]) == 2
    assert "pose.safetensors is there already; add --force" in capsys.readouterr().err
    assert main(["convert", str(there), *out, "--force"]) == 2
    assert "is an input and would be replaced" in capsys.readouterr().err
    assert there.read_bytes() == b"precious"
    assert main(["convert", str(micro_checkpoint), *out, "--force"]) == 0
    assert there.stat().st_size > 100


def test_version_and_wrong_usage(capsys):
    for words, code in ((["--version"], 0), (["generate"], 2), ([], 2)):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == code
    assert __version__ in capsys.readouterr().out


def test_a_forced_split_leaves_no_part_of_an_earlier_model(micro_stage1_state, tmp_path, capsys):
    torch.save(micro_stage1_state, tmp_path / "stage1.th")
    out = tmp_path / "split"
    out.mkdir()
    (out / "pose.safetensors").write_bytes(b"of another model")
    words = ["convert", str(tmp_path / "stage1.th"), "--split", "--out", str(out), "--force"]
    assert main(words) == 0
    written = {line.split(" (")[0] for line in capsys.readouterr().out.splitlines()}
    assert {str(path) for path in out.iterdir()} == written
    assert not any(path.read_bytes() == b"of another model" for path in out.iterdir())


def test_weights_in_a_folder_that_is_read_are_not_replaced(tmp_path, capsys):
    for name in ("unet", "vae"):
        (tmp_path / "sd" / name).mkdir(parents=True)
    there = tmp_path / "sd" / "unet" / "model.safetensors"
    there.write_bytes(b"precious")
    words = ["convert", str(tmp_path / "sd"), "--out", str(there), "--force"]
    assert main(words) == 2
    assert "would take it for an input" in capsys.readouterr().err
    assert there.read_bytes() == b"precious"
