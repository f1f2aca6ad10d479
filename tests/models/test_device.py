from __future__ import annotations

import re

import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.models.device import choose_device, choose_dtype


def test_named_devices_are_taken_and_absent_ones_refused():
    assert choose_device("cpu") == torch.device("cpu")
    for absent in ("abacus", "meta", "hpu", "xla", "cpu:-1", "mps:7", "privateuseone", "", "a\x1b"):
        with pytest.raises(
            InputError, match=rf"no device {re.escape(repr(absent))} here .*leave the choice open"
        ):
            choose_device(absent)


@pytest.mark.parametrize(("in_hardware", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_runs_in_bf16_only_where_it_multiplies_it(monkeypatch, in_hardware, dtype):
    def supported(including_emulation=True):
        return in_hardware or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert choose_dtype(torch.device("cuda")) == dtype


def test_apples_gpus_run_in_fp16():
    assert choose_dtype(torch.device("mps")) == torch.float16
