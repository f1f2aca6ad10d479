"""The loss of stage 3: how far the noise predicted in the frames of clips is off.

Source: Guo et al. 2023, AnimateDiff, eq. 4; Chang et al. 2024, section 3.4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..models.denoiser import MagicPoseDenoiser
from ..models.pose_control import PoseResiduals
from ..models.reference_attention import ReferenceFeatures
from ..sampling.schedules import add_noise
from .config import ObjectiveConfig
from .loop import Batch
from .objective import debiased_weights
from .stages import MOTION, freeze


class ClipObjective(nn.Module):
    """Mean squared error of the noise prediction in clips, of a motion module in a frozen model.

    Attributes:
        denoiser: Its motion module is trained in place.
    """

    text: Tensor

    def __init__(self, denoiser: MagicPoseDenoiser, text: Tensor, config: ObjectiveConfig) -> None:
        """Freeze all but the motion module.

        Args:
            denoiser: The networks, with a motion module.
            text: (1, L, C) embedding of the empty prompt.
            config: What is learned.
        """
        super().__init__()
        freeze(denoiser, MOTION)
        self.denoiser = denoiser
        self.register_buffer("text", text, persistent=False)
        self._config = config

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss of a batch of ``clip_batches``, whose plain clips get no condition."""
        plain = batch["plain"]
        halves = [
            ({key: value[rows] for key, value in batch.items()}, control)
            for rows, control in ((~plain, True), (plain, False))
            if rows.any()
        ]
        changes = self._config.changes
        errors = torch.cat(
            [self._errors(half, control=control, changes=changes) for half, control in halves]
        )
        if self._config.weighting == "uniform":
            return errors.mean()
        timesteps = torch.cat([half["timesteps"] for half, _ in halves])
        return (debiased_weights(timesteps) * errors).mean()

    def error(self, batch: Batch) -> Tensor:
        """Mean squared error with all conditions and equal weights: what validation compares."""
        return self._errors(batch, control=True).mean()

    def _errors(self, batch: Batch, *, control: bool, changes: float = 0.0) -> Tensor:
        """Give the error of each clip (B,): the mean squared one, and what of it flickers."""
        noise = batch["noise"]
        frames = noise.shape[1]
        timesteps = batch["timesteps"].repeat_interleave(frames)
        noisy = add_noise(batch["latents"].flatten(0, 1), noise.flatten(0, 1), timesteps)
        predicted = self.denoiser(
            noisy.unflatten(0, noise.shape[:2]),
            batch["timesteps"],
            self._text(len(noisy)),
            features=self._features(batch, frames) if control else None,
            residuals=self._residuals(noisy, timesteps, batch) if control else None,
        )
        wrong = predicted.float() - noise
        errors = wrong.square().flatten(1).mean(dim=1)
        return errors + changes * error_changes(wrong) if changes else errors

    @torch.no_grad()
    def _features(self, batch: Batch, frames: int) -> ReferenceFeatures | None:
        if self.denoiser.appearance is None:
            return None
        reference = batch["reference"]
        features = self.denoiser.appearance(
            reference, batch["timesteps"], self._text(len(reference))
        )
        return ReferenceFeatures(
            {name: rows.repeat_interleave(frames, 0) for name, rows in features.tokens.items()}
        )

    @torch.no_grad()
    def _residuals(self, noisy: Tensor, timesteps: Tensor, batch: Batch) -> PoseResiduals | None:
        if self.denoiser.pose is None:
            return None
        hint = self.denoiser.pose.embed(batch["pose_maps"].flatten(0, 1))
        return self.denoiser.pose(noisy, timesteps, self._text(len(noisy)), hint)

    def _text(self, rows: int) -> Tensor:
        return self.text.expand(rows, -1, -1)


def error_changes(errors: Tensor) -> Tensor:
    """Give the mean square (B,) of how errors (B, F, 4, h, w) change from frame to frame.

    Halved, so that errors that have nothing to do with each other count as much as they do alone.
    """
    return errors.diff(dim=1).square().flatten(1).mean(dim=1) / 2
