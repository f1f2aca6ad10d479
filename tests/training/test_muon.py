"""Orthogonal steps."""

import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.training.config import OptimizerConfig
from magicpose_core.training.muon import Muon, is_matrix, orthogonal
from magicpose_core.training.optimizer import make_optimizer


@pytest.mark.parametrize("shape", [(8, 72), (64, 16), (32, 32)])
def test_singular_values_come_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_the_scale_of_a_gradient_does_not_matter():
    matrix = torch.randn(16, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(orthogonal(matrix), orthogonal(1e3 * matrix), rtol=1e-3, atol=1e-4)


def test_steps_of_matrices_have_the_size_of_adamw_steps():
    weight = torch.nn.Parameter(torch.zeros(64, 64, 3, 3))
    optimizer = Muon([weight], lr=1e-3)
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    optimizer.step()
    assert weight.square().mean().sqrt().item() == pytest.approx(2e-4, rel=0.3)


def test_everything_else_is_stepped_by_adamw():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(20, generator=generator)
    mine, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    muon = Muon([mine], lr=1e-2, weight_decay=0.1)
    adamw = torch.optim.AdamW([theirs], lr=1e-2, weight_decay=0.1)
    for _ in range(3):
        mine.grad = torch.randn(20, generator=generator)
        theirs.grad = mine.grad.clone()
        muon.step()
        adamw.step()
    torch.testing.assert_close(mine, theirs)


def test_thin_layers_are_no_matrices():
    assert is_matrix(torch.zeros(64, 64, 3, 3))
    assert not is_matrix(torch.zeros(64, 3, 1, 1))
    assert not is_matrix(torch.zeros(3, 64, 3, 3))
    assert not is_matrix(torch.zeros(64))


def test_it_learns_a_linear_map():
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(16, 16, generator=generator)
    layer = torch.nn.Linear(16, 16)
    optimizer = make_optimizer(layer.parameters(), OptimizerConfig(kind="muon", learning_rate=0.2))
    assert isinstance(optimizer, Muon)
    losses = []
    for _ in range(60):
        inputs = torch.randn(64, 16, generator=generator)
        loss = (layer(inputs) - inputs @ wanted.T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 20


def test_moments_out_of_memory_are_refused(tmp_path):
    weight = [torch.nn.Parameter(torch.zeros(8, 8))]
    for settings in ({"eight_bit": True}, {"moments_folder": tmp_path}):
        with pytest.raises(InputError, match="are for AdamW"):
            make_optimizer(weight, OptimizerConfig(kind="muon", **settings))
