"""The linear code of patches."""

import torch
import torch.nn.functional as F

from magicpose_core.training.autoencoder import AutoencoderObjective
from magicpose_core.training.fresh import fresh_vae
from magicpose_core.training.linear_code import fit_linear_code

from .conftest import NETWORK


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand((count, 3, 32, 32), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_code_of_its_own_pictures_is_white():
    codes = fit_linear_code(pictures(32)).encode(pictures(32)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(codes.mean(dim=1), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.cov(codes), torch.eye(4), rtol=1e-3, atol=1e-3)


def test_patches_of_four_directions_are_coded_without_loss():
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn((4, 192), generator=generator)
    weights = torch.randn((8, 16, 4), generator=generator)
    flat = F.fold((weights @ directions).transpose(1, 2), (32, 32), 8, stride=8)
    codes = fit_linear_code(flat).encode(flat).flatten(2).transpose(1, 2).reshape(-1, 4)
    design = torch.cat([codes, torch.ones(len(codes), 1)], dim=1)
    solved = torch.linalg.lstsq(design, weights.reshape(-1, 4))
    torch.testing.assert_close(design @ solved.solution, weights.reshape(-1, 4), rtol=0, atol=1e-3)


def test_each_half_learns_without_the_other():
    vae = fresh_vae(NETWORK, 0)
    code = fit_linear_code(pictures(32))
    objective = AutoencoderObjective(vae, kl=0.0, edges=0.5, code=code)
    noise = torch.zeros(2, 4, 4, 4)
    batch = {"pictures": pictures(2), "noise": noise, "faces": torch.zeros(2, 1, 32, 32)}
    objective(batch).backward()
    decoder = {name: p.grad.clone() for name, p in vae.decoder.named_parameters()}
    vae.zero_grad()
    with torch.no_grad():
        for parameter in vae.encoder.parameters():
            parameter.mul_(0.5)
    objective(batch).backward()
    for name, parameter in vae.decoder.named_parameters():
        torch.testing.assert_close(parameter.grad, decoder[name])


def test_training_against_the_code_ends_at_the_code():
    vae = fresh_vae(NETWORK, 0)
    objective = AutoencoderObjective(vae, kl=0.0, edges=0.0, code=fit_linear_code(pictures(32)))
    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3)
    losses = []
    for step in range(30):
        batch = {
            "pictures": pictures(4, step),
            "noise": torch.zeros(4, 4, 4, 4),
            "faces": torch.zeros(4, 1, 32, 32),
        }
        loss = objective(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
