"""The loss of stage 3: how far the noise predicted in the frames of clips is off.

Source: Guo et al. 2023, AnimateDiff, eq. 4; Chang et al. 2024, section 3.4.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..models.denoiser import MagicPoseDenoiser
from ..models.pose_control import PoseResiduals
from ..models.reference_attention import ReferenceFeatures
from ..sampling.schedules import add_noise, amplitudes
from .clip_batches import lowest_timesteps
from .config import ObjectiveConfig
from .loop import Batch
from .objective import debiased_weights
from .stages import MOTION, freeze

_LEVELS = (999, 832, 666, 500, 333, 166, 0)  # of a rendering: how its errors look, not its best
_MOST_WEIGHT = 5.0


class ClipObjective(nn.Module):
    """Mean squared error of the noise prediction in clips, of a motion module in a frozen model.

    Attributes:
        denoiser: Its motion module is trained in place.
    """

    text: Tensor

    def __init__(
        self,
        denoiser: MagicPoseDenoiser,
        text: Tensor,
        config: ObjectiveConfig,
        guidance_scale: float = 1.0,
    ) -> None:
        """Freeze all but the motion module.

        Args:
            denoiser: The networks, with a motion module.
            text: (1, L, C) embedding of the empty prompt.
            config: What is learned.
            guidance_scale: Of the model's own renderings.
        """
        super().__init__()
        freeze(denoiser, MOTION)
        self.denoiser = denoiser
        self.register_buffer("text", text, persistent=False)
        self._config = config
        self._guidance_scale = guidance_scale

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss of a batch of ``clip_batches``, whose plain clips get no condition."""
        if self._config.own_renderings == 1:  # known without a look at the batch
            return self._rendering_errors(batch).mean()
        own, plain = batch["own"], batch["plain"]
        parts = [
            measure(_rows(batch, rows))
            for rows, measure in (
                (~own & ~plain, partial(self._weighted_errors, control=True)),
                (~own & plain, partial(self._weighted_errors, control=False)),
                (own, self._rendering_errors),
            )
            if rows.any()
        ]
        return torch.cat(parts).mean()

    def error(self, batch: Batch) -> Tensor:
        """Give what validation compares: the mean squared error, with all conditions.

        Where all is learned from the model's own renderings, it is the loss from those: a module
        that gets better at them gets worse at the truth with noise, which it never meets.
        """
        if self._config.own_renderings == 1:
            return self._rendering_errors(batch).mean()
        return self._wrong(batch, control=True).square().mean()

    def _weighted_errors(self, batch: Batch, *, control: bool) -> Tensor:
        errors = self._with_changes(self._wrong(batch, control=control))
        if self._config.weighting == "uniform":
            return errors
        return debiased_weights(batch["timesteps"]) * errors

    def _wrong(self, batch: Batch, *, control: bool) -> Tensor:
        """Give how far the predicted noise of the clips is off (B, F, 4, h, w)."""
        noise, timesteps = batch["noise"], batch["timesteps"]
        noisy = add_noise(
            batch["latents"].flatten(0, 1),
            noise.flatten(0, 1),
            timesteps.repeat_interleave(noise.shape[1]),
        )
        clips = noisy.unflatten(0, noise.shape[:2])
        return self._predict(clips, timesteps, batch, control=control) - noise

    def _rendering_errors(self, batch: Batch) -> Tensor:
        """Give how far the clean latents are off (B,), seen from where a rendering stands.

        An error of the noise counts as much as with debiased weights, until the last steps, which
        are left what the steps before them made wrong.
        """
        clips, timesteps = self.render(batch), batch["timesteps"]
        signal, rest = _amplitudes_at(timesteps)
        noise = self._guided(clips, timesteps, batch)
        errors = self._with_changes((clips - rest * noise) / signal - batch["latents"])
        return (signal / rest).flatten().clamp(max=_MOST_WEIGHT) * errors

    def _with_changes(self, wrong: Tensor) -> Tensor:
        """Give the error of each clip (B,): the mean squared one, and what of it flickers."""
        errors, weight = wrong.square().flatten(1).mean(dim=1), self._config.changes
        return errors + weight * error_changes(wrong) if weight else errors

    @torch.no_grad()
    def render(self, batch: Batch) -> Tensor:
        """Render clips (B, F, 4, h, w) from their noise, each down to its timestep, by DDIM.

        The timesteps rise as ``clip_batch`` spreads them, so that fewer and fewer clips go on.
        """
        clips, goal = batch["noise"], batch["timesteps"]
        for level, lower in pairwise(_LEVELS):
            rows = sum(lowest < level for lowest in lowest_timesteps(len(goal)))
            at, following = (goal[:rows].clamp(min=least) for least in (level, lower))
            if not clips.is_cuda and torch.equal(at, following):
                continue  # asked of a CPU alone: a GPU would have to be waited for
            noise = self._guided(clips[:rows], at, _rows(batch, slice(rows)))
            (signal, rest), (signal_after, rest_after) = map(_amplitudes_at, (at, following))
            clean = (clips[:rows] - rest * noise) / signal
            clips = torch.cat([signal_after * clean + rest_after * noise, clips[rows:]])
        return clips

    def _guided(self, clips: Tensor, timesteps: Tensor, batch: Batch) -> Tensor:
        controlled = self._predict(clips, timesteps, batch, control=True)
        if self._guidance_scale == 1:
            return controlled
        plain = self._predict(clips, timesteps, batch, control=False)
        return plain + self._guidance_scale * (controlled - plain)

    def _predict(self, clips: Tensor, timesteps: Tensor, batch: Batch, *, control: bool) -> Tensor:
        """Predict the noise in clips (B, F, 4, h, w) at timesteps (B,)."""
        frames = clips.shape[1]
        text = self._text(len(clips) * frames)
        if not control:
            return self.denoiser(clips, timesteps, text).float()
        return self.denoiser(
            clips,
            timesteps,
            text,
            features=self._features(batch["reference"], timesteps, frames),
            residuals=self._residuals(clips, timesteps, batch["pose_maps"]),
        ).float()

    @torch.no_grad()
    def _features(
        self, reference: Tensor, timesteps: Tensor, frames: int
    ) -> ReferenceFeatures | None:
        if self.denoiser.appearance is None:
            return None
        features = self.denoiser.appearance(reference, timesteps, self._text(len(reference)))
        return ReferenceFeatures(
            {name: rows.repeat_interleave(frames, 0) for name, rows in features.tokens.items()}
        )

    @torch.no_grad()
    def _residuals(
        self, clips: Tensor, timesteps: Tensor, pose_maps: Tensor
    ) -> PoseResiduals | None:
        if self.denoiser.pose is None:
            return None
        noisy = clips.flatten(0, 1)
        hint = self.denoiser.pose.embed(pose_maps.flatten(0, 1))
        steps = timesteps.repeat_interleave(clips.shape[1])
        return self.denoiser.pose(noisy, steps, self._text(len(noisy)), hint)

    def _text(self, rows: int) -> Tensor:
        return self.text.expand(rows, -1, -1)


def _rows(batch: Batch, rows: Tensor | slice) -> Batch:
    return {key: value[rows] for key, value in batch.items()}


def _amplitudes_at(timesteps: Tensor) -> tuple[Tensor, Tensor]:
    """Give how large signal and noise are in clips at timesteps (B,) -> (B, 1, 1, 1, 1) each."""
    tables = amplitudes("scaled_linear", timesteps.device, torch.float32)
    signal, noise = (table[timesteps].reshape(-1, 1, 1, 1, 1) for table in tables)
    return signal, noise


def error_changes(errors: Tensor) -> Tensor:
    """Give the mean square (B,) of how errors (B, F, 4, h, w) change from frame to frame.

    Halved, so that errors that have nothing to do with each other count as much as they do alone.
    """
    return errors.diff(dim=1).square().flatten(1).mean(dim=1) / 2
