"""The loss of all stages: how far the predicted noise is off.

Source: Chang et al. 2024, eq. 2 and 4; Ho et al. 2020, L_simple.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.denoiser import MagicPoseDenoiser
from ..models.pose_control import PoseResiduals
from ..models.reference_attention import ReferenceFeatures
from ..sampling.schedules import add_noise
from .loop import Batch
from .stages import Stage, freeze


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
        *,
        wonoise: bool,
        plain_share: float,
    ) -> None:
        """Freeze what the stage leaves as it is.

        Args:
            denoiser: The networks.
            stage: What trains and what is seen.
            text: (1, L, C) embedding of the empty prompt.
            wonoise: Show the reference clean; otherwise with the target's own noise, as the
                authors do.
            plain_share: Share of the rows, the first ones, that the U-Net sees alone.
        """
        super().__init__()
        freeze(denoiser, stage)
        self.denoiser = denoiser
        self.register_buffer("text", text, persistent=False)
        self._stage = stage
        self._wonoise = wonoise
        self._plain_share = plain_share

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss.

        Args:
            batch: ``latents`` and ``reference`` (B, 4, h, w), scaled; ``noise`` (B, 4, h, w)
                standard normal; ``timesteps`` (B,) integer; ``pose_maps`` (B, 3, H, W) in [0, 1].
        """
        return self.error(batch, plain=round(self._plain_share * len(batch["noise"])))

    def error(self, batch: Batch, plain: int = 0) -> Tensor:
        """Mean squared error, the first ``plain`` rows predicted by the U-Net alone."""
        noise = batch["noise"]
        noisy = add_noise(batch["latents"], noise, batch["timesteps"])
        rows = len(noise)
        predictions = []
        if plain:
            timesteps = batch["timesteps"][:plain]
            predictions.append(self.denoiser(noisy[:plain], timesteps, self._text(plain)))
        if plain < rows:
            controlled = {key: value[plain:] for key, value in batch.items()}
            predictions.append(self._predict(noisy[plain:], controlled))
        return F.mse_loss(torch.cat(predictions).float(), noise)

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
        if not self._wonoise:
            reference = add_noise(reference, batch["noise"], batch["timesteps"])
        return self.denoiser.appearance(reference, batch["timesteps"], self._text(len(reference)))

    def _residuals(self, noisy: Tensor, batch: Batch) -> PoseResiduals | None:
        if not self._stage.sees_pose or self.denoiser.pose is None:
            return None
        hint = self.denoiser.pose.embed(batch["pose_maps"])
        return self.denoiser.pose(noisy, batch["timesteps"], self._text(len(noisy)), hint)

    def _text(self, rows: int) -> Tensor:
        return self.text.expand(rows, -1, -1)
