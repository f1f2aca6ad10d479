"""The golden numbers of the method (../shared/fixtures) and the small weights they belong to."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"


@cache
def micro_weights() -> dict[str, Tensor]:
    """The small checkpoint in the released layout."""
    return _rule().state_dict("micro")


def part(prefix: str) -> dict[str, Tensor]:
    """The weights below a prefix of the released layout."""
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in micro_weights().items()
        if key.startswith(prefix)
    }


@cache
def numbers(name: str) -> dict[str, Tensor]:
    """The tensors of one file of golden numbers."""
    _rule()
    return load_file(FIXTURES / "micro" / f"{name}.safetensors")


@cache
def _rule() -> object:
    path = FIXTURES / "weights_rule.py"
    if not path.exists():
        pytest.skip(f"no golden numbers at {FIXTURES}")
    spec = importlib.util.spec_from_file_location("weights_rule", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relative(got: Tensor, want: Tensor) -> float:
    """Norm of the difference over the norm of the golden tensor."""
    return float((got.cpu() - want).norm() / want.norm())
