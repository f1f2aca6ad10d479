"""What ``torch.save`` has ever written must load, with whatever lies beside the weights."""

from __future__ import annotations

import argparse
import datetime
import io
import pathlib
import pickle
import sys
import types
import zipfile
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
import torch
from torch import nn

from magicpose_core.errors import CheckpointError
from magicpose_core.weights.checkpoint import open_checkpoint

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1, dtype=torch.int64)}
EVERY_DTYPE = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
)


def assert_holds_weights(path):
    file = open_checkpoint(path)
    assert set(file.tensors) == set(WEIGHTS)
    for key, tensor in WEIGHTS.items():
        assert torch.equal(file.read(key), tensor)
        assert file.read(key).device.type == "cpu"
        assert file.tensors[key].shape == tuple(tensor.shape)


class Strange:
    """A class of a project that is not installed where the file is read."""


def strange_class(monkeypatch, name):
    """Make a class that can be pickled here and whose module is gone afterwards."""
    module, _, short = name.rpartition(".")
    made = type(short, (Strange,), {"__module__": module})
    for index in range(len(module.split("."))):
        parent = ".".join(module.split(".")[: index + 1])
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    setattr(sys.modules[module], short, made)
    return made


def test_a_lightning_checkpoint_loads_with_all_that_lies_beside_the_weights(tmp_path, monkeypatch):
    callback = strange_class(monkeypatch, "pytorch_lightning.callbacks.model_checkpoint.Saver")()
    config = strange_class(monkeypatch, "omegaconf.dictconfig.DictConfig")()
    config.content = {"lr": 1e-5, "parent": None}
    parameter = nn.Parameter(torch.ones(2, 2))
    optimizer = torch.optim.AdamW([parameter], lr=1e-5)
    parameter.sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    content = {
        "state_dict": OrderedDict(WEIGHTS),
        "epoch": 12,
        "global_step": 30_000,
        "pytorch-lightning_version": "1.5.0",
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [schedule.state_dict()],
        "callbacks": {
            type(callback): {"best": np.float64(0.5), "seen": np.arange(4), "me": callback}
        },
        "hyper_parameters": argparse.Namespace(
            config=config,
            folder=pathlib.PurePosixPath("/data"),
            begun=datetime.datetime(2024, 1, 1),
            device=torch.device("cuda:0"),
            dtype=torch.float16,
            betas=(0.9, 0.999),
            names={"a", "b"},
            counts=defaultdict(int, {"x": 1}),
            raw=b"bytes",
            number=1 << 80,
            complex=1 + 2j,
            activation=nn.SiLU(),
        ),
        "rng": torch.get_rng_state(),
        "sparse": torch.eye(3).to_sparse(),
    }
    torch.save(content, tmp_path / "lightning.ckpt")
    torch.save(content, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    monkeypatch.undo()
    assert_holds_weights(tmp_path / "lightning.ckpt")
    assert_holds_weights(tmp_path / "old.ckpt")


class SavedOnCuda(pickle.Pickler):
    """Write tensors as PyTorch writes those of a GPU, which this machine may not have."""

    def __init__(self, file, storages):
        super().__init__(file, protocol=2)
        self.storages = storages

    def persistent_id(self, obj):
        if isinstance(obj, torch.storage.TypedStorage):
            key = str(len(self.storages))
            self.storages[key] = obj.untyped()
            kind = getattr(torch, obj.pickle_storage_type())
            return ("storage", kind, key, "cuda:0", obj.size())
        return None


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_a_file_saved_on_a_gpu_is_read_onto_the_cpu(tmp_path):
    stream, storages = io.BytesIO(), {}
    SavedOnCuda(stream, storages).dump({"state_dict": WEIGHTS})
    assert b"cuda:0" in stream.getvalue()
    with zipfile.ZipFile(tmp_path / "gpu.pth", "w") as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        for key, storage in storages.items():
            archive.writestr(f"archive/data/{key}", bytes(storage))
    assert_holds_weights(tmp_path / "gpu.pth")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_protocol_is_read(tmp_path, protocol, zipped):
    path = tmp_path / "weights.pt"
    torch.save(
        {"state_dict": WEIGHTS, "more": [Strange(), 1.5, None, frozenset("ab")]},
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    assert_holds_weights(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_every_dtype_and_every_view_of_a_storage_is_read_as_torch_reads_it(tmp_path, zipped):
    whole = torch.arange(24.0)
    # torch writes float8 in the old layout, but cannot read it there
    dtypes = [dtype for dtype in EVERY_DTYPE if zipped or "float8" not in str(dtype)]
    state = {str(dtype): torch.tensor([0, 1, 3]).to(dtype) for dtype in dtypes}
    state |= {
        "transposed": whole.reshape(4, 6).t(),
        "part": whole[5:9],
        "every third": whole[1::3],
        "channels last": torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "parameter": nn.Parameter(torch.ones(2)),
        "tied": whole,
    }
    torch.save(state, tmp_path / "w.th", _use_new_zipfile_serialization=zipped)
    file, expected = open_checkpoint(tmp_path / "w.th"), torch.load(tmp_path / "w.th")
    assert list(file.tensors) == list(state)
    for key, tensor in expected.items():
        read = file.read(key)
        assert read.dtype == tensor.dtype == file.tensors[key].dtype
        assert torch.equal(read.float(), tensor.float()), key
        assert read.stride() == tensor.stride()


def test_a_dictionary_of_a_class_of_its_own_is_a_state_dict_too(tmp_path, monkeypatch):
    name = "easydict"
    module = types.ModuleType(name)
    module.EasyDict = type("EasyDict", (dict,), {"__module__": name})
    monkeypatch.setitem(sys.modules, name, module)
    torch.save(module.EasyDict(WEIGHTS), tmp_path / "w.pt")
    monkeypatch.undo()
    assert_holds_weights(tmp_path / "w.pt")


def test_what_is_written_into_a_tensor_does_not_reach_the_file(tmp_path):
    torch.save(WEIGHTS, tmp_path / "w.pt")
    open_checkpoint(tmp_path / "w.pt").read("a.weight").zero_()
    assert_holds_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"w": torch.eye(3).to_sparse()}, "holds a sparse tensor under 'w'"),
        ({"w": torch.zeros(2, dtype=torch.complex64)}, "holds 'w' in complex64"),
        ({"w": torch.empty(3, device="meta")}, r"holds a tensor without values \(meta\) under 'w'"),
        ({1: torch.zeros(2)}, "a tensor whose name is no text"),
        ({("a", "b"): torch.zeros(2)}, "a tensor whose name is no text"),
        ({"w": torch.zeros(2, dtype=torch.uint16)}, "holds 'w' in uint16"),
        ({"w": torch.zeros(1).expand(1000)}, "the numbers of 'w' are not all there"),
        (torch.ones(2), "holds a tensor; expected a state dict"),
        (Strange(), r"holds no tensors but a .*Strange; expected"),
        ({"a\x1b[31m\n": torch.ones(2)}, r"of the name 'a\\x1b\[31m\\n', which cannot be printed"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_no_state_dict_of_dense_tensors_is_refused_by_name(tmp_path, content, text, zipped):
    torch.save(content, tmp_path / "odd.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=text) as refusal:
        open_checkpoint(tmp_path / "odd.pt")
    assert str(refusal.value).startswith("odd.pt ")
    assert str(refusal.value).isprintable()


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_tensor_is_refused(tmp_path):
    content = {"w": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}
    torch.save(content, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match="holds a quantised tensor under 'w'"):
        open_checkpoint(tmp_path / "odd.pt")


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_program_is_called_by_its_name(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "scripted.pt")
    with pytest.raises(CheckpointError, match="a TorchScript program and no state dict"):
        open_checkpoint(tmp_path / "scripted.pt")
