"""The linear code of picture patches: a first goal for both halves of an autoencoder.

Trained end to end from random weights, encoder and decoder wait for each other: for hundreds of
steps they pass on brightness and no colour. Against a fixed code each learns at once, and what
they have learned is a start for training end to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.sd15 import LATENT_STRIDE


@dataclass(frozen=True)
class LinearCode:
    """Principal components of 8 x 8 patches, scaled to deviation 1.

    Attributes:
        kernel: (C, 3, 8, 8), a convolution of stride 8.
        bias: (C,).
    """

    kernel: Tensor
    bias: Tensor

    def encode(self, pictures: Tensor) -> Tensor:
        """Code pictures (B, 3, H, W) -> (B, C, H / 8, W / 8)."""
        kernel, bias = self.kernel.to(pictures), self.bias.to(pictures)
        return F.conv2d(pictures, kernel, bias, stride=LATENT_STRIDE)


def fit_linear_code(pictures: Tensor, channels: int = 4) -> LinearCode:
    """Find the code that a linear decoder can invert best.

    Args:
        pictures: (B, 3, H, W), sides multiples of 8.
        channels: Numbers a patch.
    """
    patches = F.unfold(pictures, LATENT_STRIDE, stride=LATENT_STRIDE)
    patches = patches.transpose(1, 2).reshape(-1, 3 * LATENT_STRIDE**2).double()
    mean = patches.mean(dim=0)
    variances, directions = torch.linalg.eigh(torch.cov((patches - mean).T))
    basis = directions[:, -channels:].flip(1) / variances[-channels:].flip(0).sqrt()
    return LinearCode(
        kernel=basis.T.reshape(channels, 3, LATENT_STRIDE, LATENT_STRIDE).float(),
        bias=-(mean @ basis).float(),
    )
