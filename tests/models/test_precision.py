from __future__ import annotations

import json
import logging

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from magicpose_core.models import precision
from magicpose_core.models.device import choose_dtype, dtype_reason
from magicpose_core.models.precision import (
    MeasuredPrecision,
    measured_precision,
    memory_file,
    probe,
)


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """An empty memory; what the probe finds is this dictionary's: precision -> seconds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    probes = []

    def found():
        probes.append("fp32")
        return MeasuredPrecision(dtype="bf16", seconds={"fp32": 0.02, "bf16": 0.01, "fp16": 0.5})

    monkeypatch.setattr(precision, "probe", found)
    return probes


def seconds_of(monkeypatch, **rates):
    """Let work take what is said of its precision, without computing."""

    def mixed(dtype, side, *, give_up):
        return rates[next(name for name, each in precision.CANDIDATES.items() if each == dtype)]

    monkeypatch.setattr(precision, "_enough_cells", lambda: 8)
    monkeypatch.setattr(precision, "_mixed_seconds", mixed)


@pytest.mark.parametrize(
    ("rates", "dtype"),
    [
        ({"fp32": 1.0, "bf16": 30.0, "fp16": 30.0}, "fp32"),  # emulated
        ({"fp32": 1.0, "bf16": 1.9, "fp16": 1.2}, "fp32"),  # instructions slower than float32's
        ({"fp32": 1.0, "bf16": 0.4, "fp16": 0.6}, "bf16"),  # in hardware
        ({"fp32": 1.0, "bf16": 0.9, "fp16": 0.95}, "fp32"),  # not worth the rounding
        ({"fp32": 1.0, "bf16": 1.0, "fp16": 0.5}, "fp16"),
    ],
)
def test_half_precision_has_to_be_a_fifth_faster(monkeypatch, rates, dtype):
    seconds_of(monkeypatch, **rates)
    assert probe().dtype == dtype


def test_a_machine_is_measured_once(memory):
    first, second = measured_precision(), measured_precision()
    assert first == second
    assert memory == ["fp32"]
    kept = json.loads(memory_file().read_text(encoding="utf-8"))
    assert kept["dtype"] == "bf16"
    assert kept["torch"] == torch.__version__


def test_it_is_measured_again_when_asked(memory):
    measured_precision()
    measured_precision(again=True)
    assert len(memory) == 2


def test_another_version_of_pytorch_is_measured_anew(memory, monkeypatch):
    measured_precision()
    monkeypatch.setattr(torch, "__version__", "99.0")
    measured_precision()
    assert len(memory) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"dtype": "int8", "seconds": {}}', "\x00"])
def test_a_memory_that_cannot_be_read_is_made_anew(memory, text):
    memory_file().parent.mkdir()
    memory_file().write_text(text)
    assert measured_precision().dtype == "bf16"
    assert measured_precision().dtype == "bf16"
    assert len(memory) == 1


def test_what_cannot_be_kept_is_not_measured(memory, tmp_path, monkeypatch, caplog):
    """Or two runs on one machine could differ."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING, logger="magicpose"):
        assert measured_precision() is None
        assert choose_dtype(torch.device("cpu")) == torch.float32
    assert not memory
    assert "computing in fp32" in caplog.text


def test_the_cpus_choice_is_the_measured_one_and_says_so(memory):
    assert choose_dtype(torch.device("cpu")) == torch.bfloat16
    assert dtype_reason(torch.device("cpu")) == (
        "bf16 by measurement (fp32 50 GFLOP/s, bf16 100 GFLOP/s, fp16 2 GFLOP/s)"
    )


def test_a_precision_that_has_lost_is_left_at_once(monkeypatch):
    tried = []

    def seconds(work):
        tried.append(work)
        return 1.0

    monkeypatch.setattr(precision, "_seconds", seconds)
    assert precision._mixed_seconds(torch.float32, 8, give_up=float("inf")) > 0
    assert len(tried) == 3
    precision._mixed_seconds(torch.float32, 8, give_up=1e-9)
    assert len(tried) == 4


@pytest.mark.parametrize("make", [precision._convolution, precision._product, precision._attention])
def test_the_work_is_counted_right(make):
    work = make(torch.float32, 8)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        work.run()
    assert counted.get_total_flops() / 1e9 == pytest.approx(work.gflop)
