from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from magicpose_core.errors import CheckpointError, OutputError
from magicpose_core.weights.checkpoint import TensorInfo, open_checkpoint
from magicpose_core.weights.contents import find_parts
from magicpose_core.weights.convert import convert
from magicpose_core.weights.safetensors_stream import write_safetensors


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_key_survives_in_the_wanted_dtype(micro_checkpoint, micro_state, tmp_path, dtype):
    out = tmp_path / "out" / "micro.safetensors"
    assert convert([micro_checkpoint], out, dtype=dtype, heads=4) == [out]
    written = load_file(out)
    assert written.keys() == micro_state.keys()
    for key, tensor in micro_state.items():
        is_weight = "." in key and tensor.is_floating_point()
        assert torch.equal(written[key], tensor.to(dtype) if is_weight else tensor), key
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"format": "pt", "magicpose.heads": "4"}


def test_split_files_hold_what_comfyui_loaders_look_for(micro_checkpoint, tmp_path):
    files = convert([micro_checkpoint], tmp_path / "split", dtype=torch.float16, split=True)
    assert [file.name for file in files] == [
        "sd15.safetensors",
        "appearance.safetensors",
        "pose.safetensors",
    ]
    contents = [set(find_parts(open_checkpoint(file))) for file in files]
    assert contents == [{"unet", "vae", "text"}, {"appearance"}, {"pose"}]
    assert "control_model.zero_convs.0.0.weight" in load_file(files[2])
    whole = tmp_path / "whole.safetensors"
    convert(files, whole, dtype=torch.float16)
    assert set(find_parts(open_checkpoint(whole))) == {"unet", "appearance", "pose", "vae", "text"}


def test_each_sub_model_comes_from_the_first_file_that_holds_it(micro_checkpoint, tmp_path):
    files = convert([micro_checkpoint], tmp_path / "split", dtype=torch.float32, split=True)
    key = "model.diffusion_model.out.2.bias"
    other = load_file(files[0])
    other[key] = other[key] + 1
    torch.save(other, tmp_path / "other.ckpt")
    out = tmp_path / "joined.safetensors"
    convert([tmp_path / "other.ckpt", *files], out, dtype=torch.float32)
    assert torch.equal(load_file(out)[key], other[key])


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save({"lora_down.weight": torch.zeros(1)}, tmp_path / "lora.pt")
    with pytest.raises(CheckpointError, match=r"lora\.pt holds nothing .* a LoRA"):
        convert([tmp_path / "lora.pt"], tmp_path / "out.safetensors", dtype=torch.float16)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_stable_diffusion_of_another_kind_is_refused(micro_state, tmp_path):
    key = "conditioner.embedders.0.transformer.text_model.final_layer_norm.bias"
    torch.save({**micro_state, key: torch.zeros(1)}, tmp_path / "xl.ckpt")
    with pytest.raises(CheckpointError, match=r"xl\.ckpt holds nothing .* Stable Diffusion XL"):
        convert([tmp_path / "xl.ckpt"], tmp_path / "out.safetensors", dtype=torch.float16)


def test_an_incomplete_autoencoder_keeps_what_it_has(micro_state, tmp_path):
    short = {key: value for key, value in micro_state.items() if "post_quant_conv" not in key}
    torch.save(short, tmp_path / "short.th")
    convert([tmp_path / "short.th"], tmp_path / "out.safetensors", dtype=torch.float32)
    written = load_file(tmp_path / "out.safetensors")
    assert {key: tensor.shape for key, tensor in written.items()} == {
        key: tensor.shape for key, tensor in short.items()
    }


def test_a_full_disk_leaves_the_previous_file_whole(tmp_path):
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"what was there before")

    def full_disk(key):
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"out\.safetensors: No space left"):
        write_safetensors(out, {"a": TensorInfo((1,), torch.float32)}, full_disk, {})
    assert out.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [out]


def test_tensors_are_read_one_at_a_time(tmp_path):
    """The writer must ask for a tensor only when the one before it is on disk."""
    sizes = []
    infos = {f"t{index}": TensorInfo((1000,), torch.float32) for index in range(5)}
    path = tmp_path / "stream.safetensors"

    def read(key):
        partial = next(tmp_path.rglob("*stream.safetensors"))
        sizes.append(partial.stat().st_size)
        return torch.full((1000,), float(key[1:]))

    write_safetensors(path, infos, read, {})
    assert sizes == sorted(sizes)
    assert sizes[-1] >= 3 * 4000  # the file grows between reads, a buffer's worth behind
    assert load_file(path)["t3"][0] == 3


def test_scalars_and_integers_of_any_width_line_up(tmp_path):
    tensors = {
        "half": torch.ones(3, dtype=torch.float16),
        "long": torch.arange(5),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "bool": torch.tensor([True, False]),
    }
    infos = {key: TensorInfo(tuple(t.shape), t.dtype) for key, t in tensors.items()}
    write_safetensors(tmp_path / "t.safetensors", infos, tensors.__getitem__, {})
    for key, tensor in load_file(tmp_path / "t.safetensors").items():
        assert torch.equal(tensor, tensors[key])
