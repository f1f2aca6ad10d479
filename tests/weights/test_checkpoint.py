from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from magicpose_core.errors import CheckpointError
from magicpose_core.weights.checkpoint import open_checkpoint

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1, dtype=torch.int64)}


class RunsCode:
    """A pickle that creates a file when it is executed."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", [".th", ".ckpt", ".pt", ".pth", ".safetensors"])
def test_every_format_gives_the_same_tensors(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(WEIGHTS, path, {"magicpose.heads": "4"})
    else:
        torch.save(OrderedDict(WEIGHTS), path)
    file = open_checkpoint(path)
    assert file.shapes == {"a.weight": (2, 3), "b": (1,)}
    assert torch.equal(file.read("a.weight"), WEIGHTS["a.weight"])
    assert file.tensors["b"].dtype == torch.int64
    assert file.metadata.get("magicpose.heads") == ("4" if suffix == ".safetensors" else None)


def test_a_nested_state_dict_and_an_archive_from_before_zip(tmp_path):
    nested, old = tmp_path / "nested.ckpt", tmp_path / "old.pth"
    torch.save({"state_dict": WEIGHTS, "global_step": 7, "epoch": 1}, nested)
    torch.save(WEIGHTS, old, _use_new_zipfile_serialization=False)
    for path in (nested, old):
        assert torch.equal(open_checkpoint(path).read("a.weight"), WEIGHTS["a.weight"])


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_by_name_and_never_run(tmp_path, zipped):
    path, trace = tmp_path / "evil.ckpt", tmp_path / "executed"
    content = {"state_dict": WEIGHTS, "callback": RunsCode(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"evil\.ckpt wants to run code .*mkdir"):
        open_checkpoint(path)
    assert not trace.exists()


@pytest.mark.filterwarnings("error")
def test_code_in_a_pickle_of_another_kind_is_refused_by_name_too(tmp_path):
    trace = tmp_path / "trace"
    (tmp_path / "evil.ckpt").write_bytes(pickle.dumps(RunsCode(trace), protocol=4))
    with pytest.raises(CheckpointError, match=r"wants to run code .*mkdir"):
        open_checkpoint(tmp_path / "evil.ckpt")
    assert not trace.exists()


def test_leftovers_of_training_frameworks_are_read_past(tmp_path, monkeypatch):
    name = "pytorch_lightning.callbacks.model_checkpoint"
    module = types.ModuleType(name)
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})
    for parent in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    monkeypatch.setitem(sys.modules, name, module)
    callback = module.ModelCheckpoint()
    callback.best = 0.5
    path = tmp_path / "lightning.ckpt"
    torch.save(
        {
            "state_dict": WEIGHTS,
            "callbacks": {module.ModelCheckpoint: {"best": np.float64(3), "obj": callback}},
        },
        path,
    )
    monkeypatch.undo()
    assert torch.equal(open_checkpoint(path).read("a.weight"), WEIGHTS["a.weight"])


@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_truncated_file_is_named(tmp_path, suffix, share):
    path = tmp_path / f"short{suffix}"
    big = {"w": torch.zeros(4096)}
    save_file(big, path) if suffix == ".safetensors" else torch.save(big, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(
        CheckpointError, match=r"short\.\w+ is damaged or not wholly there.* fetch it again"
    ):
        open_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("list.pt", [torch.ones(1)], "holds a list; expected a state dict"),
        ("empty.pt", {}, "holds no tensors"),
        ("numbers.pt", {"a": 1}, "holds no tensors"),
    ],
)
def test_files_without_weights_say_what_they_hold(tmp_path, name, content, text):
    torch.save(content, tmp_path / name)
    with pytest.raises(CheckpointError, match=text):
        open_checkpoint(tmp_path / name)


def test_numbers_of_a_kind_that_is_not_read_are_named(tmp_path):
    entry = {"dtype": "U16", "shape": [2], "data_offsets": [0, 4]}
    header = json.dumps({"w": entry}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(4)
    (tmp_path / "odd.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"odd\.safetensors holds 'w' in U16, .* F32"):
        open_checkpoint(tmp_path / "odd.safetensors")


def test_paths_that_are_no_weight_files(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path, text in (
        (tmp_path / "absent.th", "no weight file at"),
        (tmp_path / "notes.txt", "expected one of .safetensors"),
        (tmp_path, "holds no safetensors files"),
    ):
        with pytest.raises(CheckpointError, match=text):
            open_checkpoint(path)
