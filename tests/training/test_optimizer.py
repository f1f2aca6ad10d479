"""AdamW's moments and the learning rate's way."""

from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from magicpose_core.errors import InputError
from magicpose_core.training.config import OptimizerConfig
from magicpose_core.training.optimizer import learning_rate_at, make_optimizer

CONFIG = OptimizerConfig(learning_rate=1.0)


def test_a_constant_rate_is_constant():
    assert {learning_rate_at(step, CONFIG, 10) for step in range(20)} == {1.0}


def test_the_warm_up_rises_in_equal_steps():
    config = replace(CONFIG, warmup=4)
    assert [learning_rate_at(step, config, 9) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


def test_the_cosine_starts_at_the_height_and_ends_at_a_twentieth():
    config = replace(CONFIG, schedule="cosine")
    rates = [learning_rate_at(step, config, 100) for step in range(101)]
    assert rates[0] == 1.0
    assert rates[50] == pytest.approx((1 + 0.05) / 2)
    assert rates[-1] == pytest.approx(0.05)
    assert rates == sorted(rates, reverse=True)
    assert learning_rate_at(500, config, 100) == pytest.approx(0.05)


def test_each_process_maps_moments_of_its_own(tmp_path: Path):
    config = replace(CONFIG, moments_folder=tmp_path)
    first, second = (make_optimizer([nn.Linear(2, 2).weight], config, rank=rank) for rank in (0, 1))
    (one,), (other,) = first.state.values(), second.state.values()
    one["exp_avg"].fill_(3.0)
    assert other["exp_avg"].abs().max() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


def test_mapped_moments_are_not_of_8_bits(tmp_path: Path):
    config = replace(CONFIG, eight_bit=True, moments_folder=tmp_path)
    with pytest.raises(InputError, match=r"eight_bit is for GPUs and optimizer\.moments_folder"):
        make_optimizer([nn.Linear(2, 2).weight], config)
