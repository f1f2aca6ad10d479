from __future__ import annotations

import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.models.device import choose_device, choose_dtype


def test_named_devices_are_taken_and_absent_ones_refused():
    assert choose_device("cpu") == torch.device("cpu")
    for absent in ("abacus", "meta"):
        with pytest.raises(InputError, match=rf"no device '{absent}' here .*leave the choice open"):
            choose_device(absent)


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"amx_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_a_cpu_runs_in_bf16_only_where_it_multiplies_it(monkeypatch, capabilities, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert choose_dtype(torch.device("cpu")) == dtype
