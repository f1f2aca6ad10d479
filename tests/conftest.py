"""The small golden model, rebuilt from its key list, and the numbers computed with it.

The numbers come from the authors' code on a CPU in float32 with random weights; each tensor is
drawn from its own key's text, so that no weights need to be stored (tests/golden/README.md).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from magicpose_core.doctor.micro_model import draw_weight
from magicpose_core.models.precision import MeasuredPrecision, memory_file, remember
from magicpose_core.weights.loading import MagicPoseModels, load_models
from magicpose_core.weights.settings import ModelFiles

collect_ignore = ["fuzz"] if sys.platform == "win32" else []  # its cases run in forked children

GOLDEN = Path(__file__).parent / "golden"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs Unix where there is none, by the name of its marker."""
    if sys.platform == "win32" and item.get_closest_marker("posix"):
        pytest.skip("needs fork, Unix signals or limits (marker posix)")


@pytest.fixture(scope="session", autouse=True)
def remembered_precision(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remember fp32 as this machine's precision, so that no test measures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        remember(memory_file(), MeasuredPrecision(dtype="fp32", seconds={"fp32": 0.02}))
        yield


def draw_state_dict(key_list: Path, schedule: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rebuild a checkpoint from {key: [dtype, shape]}, schedule buffers included."""
    state = {}
    for key, (_, shape) in json.loads(key_list.read_text()).items():
        if key.endswith("position_ids"):
            state[key] = torch.arange(shape[1]).reshape(shape)
        elif "." not in key:
            state[key] = schedule[f"buffer.{key}"]
        else:
            state[key] = draw_weight(key, tuple(shape))
    return state


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """Where the golden numbers lie."""
    return GOLDEN


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, Tensor]]:
    """Read a file of golden numbers by its stem: networks, ddim, pipeline, schedule, text, vae."""
    return lambda stem: load_file(GOLDEN / "micro" / f"{stem}.safetensors")


@pytest.fixture(scope="session")
def micro_state(golden: Callable[[str], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The small model's state dict in the released layout (2012 keys)."""
    return draw_state_dict(GOLDEN / "micro" / "state_dict_keys.json", golden("schedule"))


@pytest.fixture(scope="session")
def micro_checkpoint(
    micro_state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The small model as the authors save theirs: a bare ``.th``."""
    path = tmp_path_factory.mktemp("micro") / "model_state-000001.th"
    torch.save(micro_state, path)
    return path


@pytest.fixture(scope="session")
def micro_stage1_state(golden: Callable[[str], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The small appearance-pretraining state dict: ``control_model.*`` and no pose."""
    return draw_state_dict(GOLDEN / "micro" / "state_dict_keys_stage1.json", golden("schedule"))


@pytest.fixture(scope="session")
def micro_models(micro_checkpoint: Path) -> MagicPoseModels:
    """The small model, loaded through the same door as a user's."""
    return load_models(ModelFiles(checkpoint=micro_checkpoint, heads=4, text_heads=2))


@pytest.fixture(scope="session")
def relative_error() -> Callable[[Tensor, Tensor], float]:
    """Norm of the difference over the norm of the golden tensor."""
    return lambda ours, gold: float((ours - gold).norm() / gold.norm())
