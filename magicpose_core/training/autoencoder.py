"""Train the autoencoder of a model of one's own: pixels, edges, faces, a weak pull to N(0, 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from ..models.posterior import split_moments
from ..models.sd15 import LATENT_SCALE
from ..models.vae import decode, encode
from .linear_code import LinearCode
from .loop import Batch


class AutoencoderObjective(nn.Module):
    """Reconstruction of pictures through a sample of the posterior.

    The mean absolute and squared error of pixels, the absolute error of differences between
    neighbours (edges), both counted more in faces, and the Kullback-Leibler divergence of the
    posterior from N(0, 1).
    """

    def __init__(
        self,
        vae: AutoencoderKL,
        *,
        kl: float,
        edges: float,
        faces: float = 0.0,
        code: LinearCode | None = None,
    ) -> None:
        """Take an autoencoder to train.

        Args:
            vae: Trained in place.
            kl: Weight of the Kullback-Leibler term.
            edges: Weight of the edges.
            faces: Weight of what lies in a face, on top of 1.
            code: Train each half on its own against this code, the encoder to give it and the
                decoder to invert it; None trains end to end.
        """
        super().__init__()
        self.vae = vae
        self._code = code
        self._kl = kl
        self._edges = edges
        self._faces = faces

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss.

        Args:
            batch: ``pictures`` (B, 3, H, W) in [-1, 1], ``noise`` (B, 4, h, w), ``faces``
                (B, 1, H, W), 1 inside the box of a face and 0 outside.
        """
        pictures = batch["pictures"]
        weights = 1 + self._faces * batch["faces"]
        moments = self.vae.encode(pictures).latent_dist.parameters.float()
        mean, log_variance = split_moments(moments)
        noise = torch.exp(0.5 * log_variance) * batch["noise"]
        regularizer = self._kl * kl_divergence(mean, log_variance)
        if self._code is None:
            return self._reconstruction_loss(mean + noise, pictures, weights) + regularizer
        code = self._code.encode(pictures)
        reconstruction = self._reconstruction_loss(code + noise.detach(), pictures, weights)
        return F.mse_loss(mean, code) + reconstruction + regularizer

    def _reconstruction_loss(self, latents: Tensor, pictures: Tensor, weights: Tensor) -> Tensor:
        error = self.vae.decode(latents).sample.float() - pictures
        pixels = (weights * (error.abs() + error.square())).mean()
        return pixels + self._edges * edge_error(error, weights)


def edge_error(error: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of an error picture between neighbours, both ways.

    Args:
        error: (B, C, H, W).
        weights: (B, 1, H, W), of the right or lower pixel of each two.
    """
    across = (weights[..., 1:] * error.diff(dim=-1).abs()).mean()
    down = (weights[..., 1:, :] * error.diff(dim=-2).abs()).mean()
    return across + down


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Mean divergence, in nats a number, of N(mean, variance) from N(0, 1)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


@torch.no_grad()
def normalize_latents(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Give the scaled latents of these pictures mean 0 and deviation 1 in each channel.

    Diffusion expects that. The change is put into the 1x1 convolutions on both sides of the
    latents, so what the autoencoder reconstructs stays the same.

    Args:
        vae: Changed in place.
        pictures: (B, 3, H, W) in [-1, 1].
    """
    latents = torch.cat([encode(vae, rows, None) for rows in pictures.split(16)])
    mean = latents.mean(dim=(0, 2, 3)) / LATENT_SCALE
    deviation = latents.std(dim=(0, 2, 3))
    channels = len(mean)
    into, out_of = vae.quant_conv, vae.post_quant_conv
    out_of.bias += (out_of.weight[:, :, 0, 0] * mean).sum(dim=1)
    out_of.weight *= deviation.reshape(1, -1, 1, 1)
    into.bias[:channels] = (into.bias[:channels] - mean) / deviation
    into.weight[:channels] /= deviation.reshape(-1, 1, 1, 1)
    into.bias[channels:] -= 2 * deviation.log()


@torch.no_grad()
def reconstruction_loss(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Measure how far reconstructions are off: minus their mean PSNR in dB.

    Args:
        vae: The autoencoder.
        pictures: (B, 3, H, W) in [-1, 1].
    """
    decibels = []
    for rows in pictures.split(16):
        rebuilt = decode(vae, encode(vae, rows, None)).clamp(-1, 1)
        errors = F.mse_loss(rebuilt / 2, rows / 2, reduction="none").mean(dim=(1, 2, 3))
        decibels.append(-10 * errors.log10())
    return -float(torch.cat(decibels).mean())


@torch.no_grad()
def reconstruction_grid(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Put pictures (B, 3, H, W) above their reconstructions -> (3, 2H, B W) in [0, 1]."""
    rebuilt = decode(vae, encode(vae, pictures, None)).clamp(-1, 1)
    columns: Sequence[Tensor] = torch.cat([pictures, rebuilt], dim=2).unbind()
    return (torch.cat(list(columns), dim=2) + 1) / 2
