"""The small model of the golden numbers: each weight is drawn from its own key's text.

So neither the weights nor anything trained need to be stored, and the authors' code and ours can be
given the very same model. ``micro_keys.txt`` lists the keys and shapes of the released layout,
``golden.safetensors`` what the authors' code computed with it (tests/golden/README.md).
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..weights.heads import Heads
from ..weights.loading import MagicPoseModels, load_models
from ..weights.settings import ModelFiles

KEYS = Path(__file__).with_name("micro_keys.txt")
GOLDEN = Path(__file__).with_name("golden.safetensors")
HEADS, TEXT_HEADS = 4, 2
_GAINS = (
    ("input_hint_block", 1.5),
    ("emb_layers", 3.0),
    ("time_embed", 1.5),
    (".to_q.", 1.6),
    (".to_k.", 1.6),
    (".to_v.", 2.0),
)


def draw_weight(key: str, shape: tuple[int, ...]) -> Tensor:
    """Draw the float32 tensor that is stored under a key of the released layout."""
    numbers = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
    if len(shape) < 2:
        numbers = 1 + 0.1 * numbers if key.endswith(".weight") else 0.05 * numbers
    elif key.endswith(("token_embedding.weight", "position_embedding.weight")):
        numbers = 0.5 * numbers
    else:
        gain = next((gain for part, gain in _GAINS if part in key), 1.0)
        numbers = gain * numbers / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(numbers.astype(np.float32))


def micro_state() -> dict[str, Tensor]:
    """Draw the whole model in the released layout, without what is computed or never read."""
    state = {}
    for line in KEYS.read_text(encoding="ascii").splitlines():
        key, sides = line.split()
        state[key] = draw_weight(key, tuple(map(int, sides.split("x"))))
    return state


def load_micro_models() -> MagicPoseModels:
    """Write the model to a file and load it as a user's, on the CPU in float32."""
    with tempfile.TemporaryDirectory(prefix="magicpose-") as folder:
        file = Path(folder) / "micro.safetensors"
        save_file(micro_state(), file, Heads(unet=HEADS, text=TEXT_HEADS).note())
        return load_models(ModelFiles(checkpoint=file))


def golden_numbers() -> Mapping[str, Tensor]:
    """Read what goes into the model and what the authors' code makes of it."""
    return load_file(GOLDEN)
