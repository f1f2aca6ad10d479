"""The loss of all stages: how far the predicted noise is off.

Source: Chang et al. 2024, eq. 2 and 4; Ho et al. 2020, L_simple; Yu et al. 2023 (arXiv 2310.08442)
for the debiased weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.denoiser import MagicPoseDenoiser
from ..models.pose_control import PoseResiduals
from ..models.reference_attention import ReferenceFeatures
from ..sampling.schedules import add_noise, amplitudes
from .config import ObjectiveConfig
from .loop import Batch
from .stages import Stage, freeze

_WHITE = 0.9


class NoiseObjective(nn.Module):
    """Mean squared error of the noise prediction under the conditions of a stage.

    Attributes:
        denoiser: Trained in place, as far as the stage trains it.
    """

    text: Tensor

    def __init__(
        self,
        denoiser: MagicPoseDenoiser,
        stage: Stage,
        text: Tensor,
        config: ObjectiveConfig,
    ) -> None:
        """Freeze what the stage leaves as it is.

        Args:
            denoiser: The networks.
            stage: What trains and what is seen.
            text: (1, L, C) embedding of the empty prompt.
            config: What is learned.
        """
        super().__init__()
        freeze(denoiser, stage)
        self.denoiser = denoiser
        self.register_buffer("text", text, persistent=False)
        self._stage = stage
        self._config = config

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss.

        Args:
            batch: ``latents`` and ``reference`` (B, 4, h, w), scaled; ``noise`` (B, 4, h, w) of
                about variance 1; ``timesteps`` (B,) integer; ``pose_maps`` (B, 3, H, W) in [0, 1].
        """
        predicted = self._predict_all(batch, round(self._config.plain_share * len(batch["noise"])))
        if self._config.weighting == "uniform" and not self._config.faces:
            return F.mse_loss(predicted, batch["noise"])
        errors = F.mse_loss(predicted, batch["noise"], reduction="none")
        if self._config.faces:
            faces = face_cells(batch["pose_maps"], errors.shape[-2:])
            errors = (1 + self._config.faces * faces) * errors
        if self._config.weighting == "debiased":
            errors = debiased_weights(batch["timesteps"])[:, None, None, None] * errors
        return errors.mean()

    def error(self, batch: Batch) -> Tensor:
        """Mean squared error with all conditions and equal weights: what validation compares."""
        return F.mse_loss(self._predict_all(batch, plain=0), batch["noise"])

    def _predict_all(self, batch: Batch, plain: int) -> Tensor:
        """Predict the noise, that of the first ``plain`` rows by the U-Net alone."""
        noisy = add_noise(batch["latents"], batch["noise"], batch["timesteps"])
        predictions = []
        if plain:
            timesteps = batch["timesteps"][:plain]
            predictions.append(self.denoiser(noisy[:plain], timesteps, self._text(plain)))
        if plain < len(noisy):
            controlled = {key: value[plain:] for key, value in batch.items()}
            predictions.append(self._predict(noisy[plain:], controlled))
        return torch.cat(predictions).float()

    def _predict(self, noisy: Tensor, batch: Batch) -> Tensor:
        timesteps = batch["timesteps"]
        return self.denoiser(
            noisy,
            timesteps,
            self._text(len(noisy)),
            features=self._features(batch),
            residuals=self._residuals(noisy, batch),
        )

    def _features(self, batch: Batch) -> ReferenceFeatures | None:
        if not self._stage.sees_reference or self.denoiser.appearance is None:
            return None
        reference = batch["reference"]
        if not self._config.wonoise:
            reference = add_noise(reference, batch["noise"], batch["timesteps"])
        return self.denoiser.appearance(reference, batch["timesteps"], self._text(len(reference)))

    def _residuals(self, noisy: Tensor, batch: Batch) -> PoseResiduals | None:
        if not self._stage.sees_pose or self.denoiser.pose is None:
            return None
        hint = self.denoiser.pose.embed(batch["pose_maps"])
        return self.denoiser.pose(noisy, batch["timesteps"], self._text(len(noisy)), hint)

    def _text(self, rows: int) -> Tensor:
        return self.text.expand(rows, -1, -1)


def face_cells(pose_maps: Tensor, cells: tuple[int, ...]) -> Tensor:
    """Mark the cells of the latents where a face is: those with a face point, and their neighbours.

    Args:
        pose_maps: (B, 3, H, W) in [0, 1]; nothing but face points is white.
        cells: Height and width of the latents.

    Returns:
        (B, 1, height, width), 1 in a face and 0 elsewhere.
    """
    white = (pose_maps.amin(dim=1, keepdim=True) > _WHITE).float()
    return F.max_pool2d(F.adaptive_max_pool2d(white, cells), 3, stride=1, padding=1)


def debiased_weights(timesteps: Tensor) -> Tensor:
    """Weigh the errors of timesteps (B,) by 1 / sqrt(signal-to-noise ratio), float32.

    An error of the predicted noise is one of the picture, larger by that factor. With equal weights
    the noisiest timesteps, which settle the large areas of colour, hardly count.

    Source: Yu et al. 2023.
    """
    signal, noise = amplitudes("scaled_linear", timesteps.device, torch.float32)
    return noise[timesteps] / signal[timesteps]
