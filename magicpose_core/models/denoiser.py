"""Noise predictions of MagicPose: appearance, pose and text in, noise out.

The way of one prediction: ``MagicPoseDenoiser.prepare`` projects the text once for a clip,
``ClipDenoiser`` runs the appearance control model once for each timestep and, for each window of
frames, the pose ControlNet and the U-Net.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .appearance import AppearanceControlModel
from .deep_features import DeepFeatures, join, shallow_pass, whole_pass
from .motion import MotionUNet
from .motion_plan import MotionShape
from .networks import UNet
from .pose_control import PoseControlNet, PoseResiduals
from .reference_attention import KeysValues, ReferenceFeatures, project_reference, project_text

Frames = Sequence[int]  # indices of frames of the clip
ReferenceAt = Callable[[int], Tensor]  # timestep -> (R, 4, h, w): R pictures of the person
HintOf = Callable[[Frames], Tensor]  # frames -> (len(frames), C, h, w) pose hints


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What one half of guidance sees of a clip.

    Attributes:
        text: (1, L, C) text embedding.
        reference: Gives the reference latents at a timestep; None leaves the appearance out.
        hint: Gives the embedded pose maps of some frames; None leaves the pose out.
        reference_per_frame: Frame f sees picture f alone; otherwise every frame sees all pictures,
            as those of one person.
    """

    text: Tensor
    reference: ReferenceAt | None = None
    hint: HintOf | None = None
    reference_per_frame: bool = False


class MagicPoseDenoiser(nn.Module):
    """The three networks that predict noise together.

    Attributes:
        unet: SD 1.5's U-Net with the reference attention, with a motion module or without.
        appearance: The appearance control model, or None where only the pose steers.
        pose: The pose ControlNet, or None in appearance pretraining.
    """

    unet: UNet | MotionUNet

    def __init__(
        self,
        unet: UNet | MotionUNet,
        appearance: AppearanceControlModel | None,
        pose: PoseControlNet | None,
    ) -> None:
        """Put the networks together; they stay the caller's."""
        super().__init__()
        self.unet = unet
        self.appearance = appearance
        self.pose = pose

    @property
    def motion(self) -> MotionShape | None:
        """What the motion module is made of; None where frames do not see each other."""
        return self.unet.motion.shape if isinstance(self.unet, MotionUNet) else None

    def forward(
        self,
        latents: Tensor,
        timestep: Tensor,
        text: Tensor,
        *,
        features: ReferenceFeatures | None = None,
        residuals: PoseResiduals | None = None,
    ) -> Tensor:
        """Predict the noise of (B, 4, h, w) latents from features and residuals, each optional.

        With a motion module the rows are the frames of one window; (B, F, 4, h, w) are several.
        """
        keys_values = None if features is None else project_reference(self.unet, features)
        return self.predict(latents, timestep, text, keys_values, residuals)

    def predict(
        self,
        latents: Tensor,
        timestep: Tensor,
        text: Tensor,
        keys_values: KeysValues | None,
        residuals: PoseResiduals | None,
    ) -> Tensor:
        """Predict the noise from keys and values projected beforehand."""
        return self.unet(
            latents,
            timestep,
            text,
            cross_attention_kwargs={"keys_values": keys_values},
            down_block_additional_residuals=None if residuals is None else residuals.down,
            mid_block_additional_residual=None if residuals is None else residuals.mid,
            return_dict=False,
        )[0]

    def prepare(
        self, conditioning: Conditioning, whole_at: Collection[int] | None = None
    ) -> ClipDenoiser:
        """Project what is constant over a clip; the result is called for each window of frames.

        Args:
            conditioning: What is seen of the clip.
            whole_at: Timesteps at which all layers are computed; at the others, which follow one
                of them, the outer layers alone, see ``deep_features``. None computes all always.
        """
        return ClipDenoiser(self, conditioning, whole_at)


class ClipDenoiser:
    """Predicts the noise of some frames of one clip: ``(latents, timestep, frames) -> noise``.

    The reference's keys and values of the timestep at hand are kept until another one is asked
    for, so a loop with timesteps outside and windows inside runs the appearance control model once
    for each timestep. Where deep layers are kept over some steps, the reference and the
    ControlNet's residuals are kept with them, by frame, so that batches change nothing.
    """

    def __init__(
        self,
        denoiser: MagicPoseDenoiser,
        conditioning: Conditioning,
        whole_at: Collection[int] | None = None,
    ) -> None:
        """Project the text for the U-Net and, where the pose steers, for the ControlNet."""
        self._denoiser = denoiser
        self._conditioning = conditioning
        self._text_keys_values = project_text(denoiser.unet, conditioning.text)
        self._pose_text: KeysValues = {}
        if conditioning.hint is not None and denoiser.pose is not None:
            self._pose_text = project_text(denoiser.pose.controlnet, conditioning.text)
        self._at: tuple[int, KeysValues] | None = None
        self._whole_at = whole_at
        self._kept: dict[int, DeepFeatures] = {}  # frame -> what its last whole pass found

    def __call__(self, latents: Tensor, timestep: int, frames: Frames) -> Tensor:
        """Predict the noise (B, 4, h, w) of the latents of ``frames``, in their dtype."""
        text = self._conditioning.text
        inputs = latents.to(text)
        step = _on_device(timestep, text)
        rows = text.expand(len(frames), -1, -1)
        kept = self._kept_of(timestep, frames)
        keys_values = {
            **self._text_keys_values,
            **self._reference_keys_values(timestep, frames, keep=kept is not None),
        }
        unet = self._denoiser.unet
        if kept is not None:
            assert isinstance(unet, UNet)
            return shallow_pass(unet, inputs, step, rows, keys_values, kept).to(latents)
        residuals = None
        if self._conditioning.hint is not None and self._denoiser.pose is not None:
            hint = self._conditioning.hint(frames)
            residuals = self._denoiser.pose(inputs, step, rows, hint, self._pose_text)
        if self._whole_at is None:
            return self._denoiser.predict(inputs, step, rows, keys_values, residuals).to(latents)
        assert isinstance(unet, UNet)  # a motion module's frames are not kept apart
        noise, features = whole_pass(unet, inputs, step, rows, keys_values, residuals)
        self._kept.update(zip(frames, features.rows(), strict=True))
        return noise.to(latents)

    def _kept_of(self, timestep: int, frames: Frames) -> DeepFeatures | None:
        """Give the deep features that a step takes over; None where all layers are computed."""
        if self._whole_at is None or timestep in self._whole_at:
            return None
        rows = [self._kept[frame] for frame in frames if frame in self._kept]
        return join(rows) if len(rows) == len(frames) else None

    def _reference_keys_values(self, timestep: int, frames: Frames, *, keep: bool) -> KeysValues:
        if self._at is None or (self._at[0] != timestep and not keep):
            self._at = None  # let go of the last timestep's before the next one's are made
            self._at = (timestep, self._project_reference(timestep))
        projected = self._at[1]
        if not self._conditioning.reference_per_frame:
            return projected
        rows = list(frames)
        return {name: (keys[rows], values[rows]) for name, (keys, values) in projected.items()}

    def _project_reference(self, timestep: int) -> KeysValues:
        reference, appearance = self._conditioning.reference, self._denoiser.appearance
        if reference is None or appearance is None:
            return {}
        text = self._conditioning.text
        latents = reference(timestep).to(text)
        step = _on_device(timestep, text)
        features = appearance(latents, step, text.expand(latents.shape[0], -1, -1))
        own = self._conditioning.reference_per_frame
        return project_reference(self._denoiser.unet, features if own else features.joined())


def _on_device(timestep: int, like: Tensor) -> Tensor:
    """Give a timestep as a tensor, filled in where it is used: a copy would wait for the GPU."""
    return torch.full((), timestep, dtype=torch.long, device=like.device)
