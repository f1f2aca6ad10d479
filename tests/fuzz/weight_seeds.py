"""Sound weight files of every format, small enough to be damaged by the thousand."""

from __future__ import annotations

import functools
import io
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from magicpose_core.models.networks import Autoencoder, UNet
from magicpose_core.models.sd15 import TextShape, UNetShape, VaeShape
from magicpose_core.models.text import TextEncoder
from magicpose_core.training.export import export
from magicpose_core.weights.heads import Heads

UNET = UNetShape(channels=(32, 64), attention=(True, False), resnets=1, context=16, heads=4)
VAE = VaeShape(channels=(32,), resnets=1)
TEXT = TextShape(width=16, layers=1, heads=2, feed_forward=16, vocabulary=8, positions=7)


@functools.cache
def narrow_state() -> Mapping[str, torch.Tensor]:
    """A U-Net, an autoencoder and a text encoder of few keys, in the released layout."""
    parts = {
        "unet": UNet(UNET),
        "vae": Autoencoder(VAE),
        "text": TextEncoder(TEXT),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = export(
            Path(folder) / "seed.safetensors", parts, dtype=torch.float16, heads=Heads(unet=4)
        )
        return load_file(path)


@functools.cache
def seeds() -> Mapping[str, bytes]:
    """Sound files to damage, by their suffix and kind."""
    state = narrow_state()
    training = {
        "state_dict": OrderedDict(state),
        "epoch": 3,
        "optimizer_states": [
            {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1}]}
        ],
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best": 0.5}},
    }
    return {
        ".safetensors": saved(lambda file: save_file(dict(state), file, {"magicpose.heads": "4"})),
        ".th": saved(lambda file: torch.save(OrderedDict(state), file)),
        ".ckpt": saved(lambda file: torch.save(training, file)),
        ".pth": saved(lambda file: torch.save(state, file, _use_new_zipfile_serialization=False)),
    }


def rezipped(content: bytes, change: Callable[[str, bytes], bytes], method: int = 0) -> bytes:
    """Write an archive anew with each entry changed, checksums and all."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", method) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return result.getvalue()


def saved(save: Callable[[str], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        save(str(path))
        return path.read_bytes()
