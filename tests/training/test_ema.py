"""Averaged weights."""

import pytest
import torch
from torch import nn

from magicpose_core.training.ema import Ema


def test_the_average_of_constant_weights_is_the_weights():
    parameters = {"w": nn.Parameter(torch.ones(3))}
    ema = Ema(parameters, 0.9)
    for step in range(1, 5):
        ema.update(step)
    assert torch.equal(ema.averaged["w"], torch.ones(3))


def test_an_update_moves_by_one_minus_the_decay():
    parameters = {"w": nn.Parameter(torch.zeros(1))}
    ema = Ema(parameters, 0.9)
    with torch.no_grad():
        parameters["w"].fill_(1.0)
    ema.update(1000)
    assert ema.averaged["w"].item() == pytest.approx(0.1)


def test_early_averages_forget_the_start():
    parameters = {"w": nn.Parameter(torch.zeros(1))}
    ema = Ema(parameters, 0.999)
    with torch.no_grad():
        parameters["w"].fill_(1.0)
    ema.update(1)
    assert ema.averaged["w"].item() == pytest.approx(1 - 2 / 11)


def test_weights_come_back_even_after_an_error():
    parameters = {"w": nn.Parameter(torch.zeros(2))}
    ema = Ema(parameters, 0.5)
    with torch.no_grad():
        parameters["w"].fill_(1.0)

    def interrupted() -> None:
        with ema.in_place():
            assert torch.equal(parameters["w"], torch.zeros(2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.equal(parameters["w"], torch.ones(2))
