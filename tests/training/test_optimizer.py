"""The learning rate's way."""

from dataclasses import replace

import pytest

from magicpose_core.training.config import OptimizerConfig
from magicpose_core.training.optimizer import learning_rate_at

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
