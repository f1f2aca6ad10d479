from __future__ import annotations

import math

import torch

from magicpose_core.models.posterior import sample_posterior, split_moments


def moments(mean: float, log_variance: float) -> torch.Tensor:
    return torch.cat([torch.full((1, 4, 2, 2), mean), torch.full((1, 4, 2, 2), log_variance)], 1)


def test_a_sample_is_the_mean_and_the_deviation_times_the_noise():
    noise = torch.full((1, 4, 2, 2), 3.0)
    drawn = sample_posterior(moments(2.0, math.log(0.25)), noise)
    torch.testing.assert_close(drawn, torch.full((1, 4, 2, 2), 2.0 + 0.5 * 3.0))


def test_without_noise_it_is_the_mean():
    assert torch.equal(sample_posterior(moments(2.0, 5.0), None), torch.full((1, 4, 2, 2), 2.0))


def test_variances_beyond_all_reason_are_clipped():
    for given, kept in ((100.0, 20.0), (-100.0, -30.0)):
        assert split_moments(moments(0.0, given))[1].unique().item() == kept
