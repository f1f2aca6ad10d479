from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from magicpose_core.demo.model import demo_checkpoint
from magicpose_core.doctor.comfyui import describe_comfyui, find_comfyui, model_folders


@pytest.fixture
def comfyui(tmp_path, monkeypatch):
    """A folder that looks like ComfyUI's, with the demo model and a stranger in it."""
    folder = tmp_path / "ComfyUI"
    for name in ("magicpose", "checkpoints"):
        (folder / "models" / name).mkdir(parents=True)
    (folder / "custom_nodes").mkdir()
    (folder / "folder_paths.py").touch()
    (folder / "comfyui_version.py").write_text('__version__ = "0.8.0"\n')
    (folder / "models" / "magicpose" / "demo.safetensors").symlink_to(demo_checkpoint())
    save_file({"x.lora_down.weight": torch.zeros(1)}, folder / "models/checkpoints/l.safetensors")
    monkeypatch.setenv("COMFYUI_DIR", str(folder))
    return folder


def test_comfyui_is_found_where_it_is_named_first(comfyui, tmp_path):
    assert find_comfyui() == comfyui
    assert find_comfyui(tmp_path) is None


def test_weights_are_told_by_what_they_hold(comfyui):
    found = {finding.what: finding.seen for finding in describe_comfyui(comfyui)}
    assert found["ComfyUI"].startswith("0.8.0, ")
    assert found["models/magicpose, demo.safetensors"].startswith("a whole MagicPose model, 0.0")
    assert found["models/checkpoints, l.safetensors"].startswith("a LoRA")


def test_a_damaged_file_is_told_and_harmless(comfyui):
    (comfyui / "models" / "checkpoints" / "cut.safetensors").write_bytes(b"\0" * 100)
    found = {finding.what: finding for finding in describe_comfyui(comfyui)}
    cut = found["models/checkpoints, cut.safetensors"]
    assert "damaged" in cut.seen
    assert cut.remedy
    assert not cut.wrong


def test_folders_of_extra_model_paths_are_looked_into(comfyui, tmp_path):
    (tmp_path / "elsewhere" / "sd").mkdir(parents=True)
    (comfyui / "extra_model_paths.yaml").write_text(
        f"a:\n  base_path: {tmp_path}/elsewhere\n  checkpoints: |\n    sd\n    absent\nb: 3\n"
    )
    folders = model_folders(comfyui, "checkpoints")
    assert folders == [comfyui / "models" / "checkpoints", tmp_path / "elsewhere" / "sd"]
    assert model_folders(comfyui, "vae") == []


def test_the_pack_twice_is_wrong(comfyui):
    for name in ("ComfyUI-MagicPose", "magicpose-old"):
        (comfyui / "custom_nodes" / name / "magicpose_core").mkdir(parents=True)
        (comfyui / "custom_nodes" / name / "magicpose_core" / "version.py").touch()
    (finding,) = [each for each in describe_comfyui(comfyui) if each.what == "this pack"]
    assert finding.wrong
    assert "ComfyUI-MagicPose, magicpose-old" in finding.seen
