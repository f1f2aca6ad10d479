"""One picture of a person and a sequence of pose maps -> the same person in those poses.

The way of a clip: encode the reference, draw one noise, denoise all frames together, decode a few
at a time. Each step is a function that can be used alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import InputError
from .images import signed_to_unit
from .models import vae
from .models.denoiser import Conditioning, ReferenceAt
from .models.memory import frames_that_fit
from .models.pose_hints import PoseHints, PoseMaps
from .models.sd15 import LATENT_STRIDE, SIZE_MULTIPLE
from .sampling.denoise import OnSamplingStep, denoise
from .sampling.guidance import CONTROL_MODES, ControlMode, PredictNoise, ReferenceLatents, guide
from .sampling.noise import draw_noise, noisy_reference, reference_generator, start_noise
from .sampling.steppers import SchedulerName, make_stepper
from .sampling.windows import FrameWindows
from .weights.loading import MagicPoseModels


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How a clip is sampled; the defaults are the paper's.

    Attributes:
        steps: Steps of the scheduler.
        guidance_scale: Weight of appearance and pose against the plain model; 1 turns it off.
        control_mode: What the unconditional half sees: ``image_cfg`` neither appearance
            nor pose (the paper's Image-CFG), ``balance`` both, with the negative text.
        scheduler: ``ddim`` steps as the authors do.
        eta: Fresh noise at each DDIM step, 0..1.
        seed: Of all noise.
        shared_noise: Share of the initial noise that all frames have in common, 0..1.
        reference_latents: ``sample`` draws them from the VAE's posterior, as the authors do;
            ``mean`` takes its mean.
        noisy_reference: Add fresh noise of the timestep to the reference (the authors' models
            without ``wonoise``).
        frames_per_batch: Frames that go through the networks at a time; None asks free memory.
        hint_cache_mb: Limit of the kept pose embeddings, in MB.
    """

    steps: int = 50
    guidance_scale: float = 7.0
    control_mode: ControlMode = "image_cfg"
    scheduler: SchedulerName = "ddim"
    eta: float = 0.0
    seed: int = 42
    shared_noise: float = 1.0
    reference_latents: ReferenceLatents = "sample"
    noisy_reference: bool = False
    frames_per_batch: int | None = None
    hint_cache_mb: int = 1024

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: One is out of range.
        """
        if not math.isfinite(self.guidance_scale):
            raise InputError(f"guidance_scale must be a number, got {self.guidance_scale}")
        if self.control_mode not in CONTROL_MODES:
            raise InputError(
                f"unknown control_mode {self.control_mode!r}; expected one of "
                f"{', '.join(CONTROL_MODES)}"
            )
        if self.frames_per_batch is not None and self.frames_per_batch < 1:
            raise InputError(f"frames_per_batch must be at least 1, got {self.frames_per_batch}")
        make_stepper(self.scheduler, self.steps, self.eta)  # knows their ranges


@torch.no_grad()
def render(
    models: MagicPoseModels,
    reference: Tensor,
    pose_maps: PoseMaps,
    settings: SamplingSettings,
    *,
    text: Tensor | None = None,
    negative_text: Tensor | None = None,
    on_step: OnSamplingStep | None = None,
) -> Iterator[Tensor]:
    """Render a clip.

    Args:
        models: The networks; they are left as they are, whatever happens.
        reference: (R, 3, H, W) in [-1, 1], R pictures of the person; sides are multiples of 64 and
            need not be those of the frames.
        pose_maps: F maps, (H, W, 3) uint8 each, sides multiples of 64: the size of the result.
        settings: How to sample.
        text: (1, L, C) text embedding; None is the empty prompt, with which MagicPose was trained.
        negative_text: The unconditional half's text in ``balance``; None is the empty prompt.
        on_step: Called after each step.

    Yields:
        F frames (3, H, W) float32 in [0, 1], decoded one after the other.

    Raises:
        InputError: A size, a range or a prediction is not what it must be.
    """
    check_inputs(reference, pose_maps)
    text = models.text.empty_prompt() if text is None else text
    negative_text = models.text.empty_prompt() if negative_text is None else negative_text
    reference_latents = encode_reference(models, reference, settings)
    predict = prepare_prediction(
        models, reference_latents, pose_maps, settings, text, negative_text
    )
    latents = sample(models, predict, pose_maps, settings, on_step)
    del predict  # lets go of the pose embeddings and the reference's keys and values
    yield from decode_frames(models, latents)


def check_inputs(reference: Tensor, pose_maps: PoseMaps) -> None:
    """Check what a user can get wrong.

    Raises:
        InputError: Says what was expected, what came and what to do.
    """
    if reference.ndim != 4 or reference.shape[1] != 3 or reference.shape[0] == 0:
        raise InputError(
            f"reference must be (R, 3, H, W) in [-1, 1], got {tuple(reference.shape)}; "
            "use images.read_image and images.unit_to_signed"
        )
    if not torch.isfinite(reference).all():
        raise InputError("the reference picture holds NaN or infinity; check what made it")
    if len(pose_maps) == 0:
        raise InputError("there are no pose maps; give at least one")
    shape = pose_maps[0].shape
    if len(shape) != 3 or shape[2] != 3:
        raise InputError(f"a pose map must be (H, W, 3) uint8, got {shape}")
    for what, (height, width) in (("reference", reference.shape[2:]), ("pose maps", shape[:2])):
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
            raise InputError(
                f"the sides of the {what} must be multiples of {SIZE_MULTIPLE}, got {width} x "
                f"{height} pixels; use images.fit_size"
            )


def encode_reference(
    models: MagicPoseModels, reference: Tensor, settings: SamplingSettings
) -> Tensor:
    """Encode the reference pictures (R, 3, H, W) in [-1, 1] -> (R, 4, h, w) scaled latents."""
    noise = None
    if settings.reference_latents == "sample":
        like = _latents_like(models, *reference.shape[2:])
        noise = draw_noise(like, [reference_generator(settings.seed)] * reference.shape[0])
    return vae.encode(models.vae, reference, noise)


def prepare_prediction(
    models: MagicPoseModels,
    reference_latents: Tensor,
    pose_maps: PoseMaps,
    settings: SamplingSettings,
    text: Tensor,
    negative_text: Tensor,
) -> PredictNoise:
    """Put both halves of guidance together for one clip; the sampler calls the result."""
    pose = models.denoiser.pose
    reference = _reference_at(reference_latents, settings)
    controlled = Conditioning(
        text=text,
        reference=reference,
        hint=None
        if pose is None
        else PoseHints(pose, pose_maps, keep_bytes=settings.hint_cache_mb * 1_000_000),
    )
    conditional = models.denoiser.prepare(controlled)
    if settings.guidance_scale == 1:
        return conditional
    if settings.control_mode == "image_cfg":
        plain = Conditioning(text=text)
        return guide(conditional, models.denoiser.prepare(plain), settings.guidance_scale)
    if torch.equal(text, negative_text):
        return conditional  # both halves would be the same number for number
    other = Conditioning(text=negative_text, reference=reference, hint=controlled.hint)
    return guide(conditional, models.denoiser.prepare(other), settings.guidance_scale)


def sample(
    models: MagicPoseModels,
    predict: PredictNoise,
    pose_maps: PoseMaps,
    settings: SamplingSettings,
    on_step: OnSamplingStep | None = None,
) -> Tensor:
    """Sample the latents of a clip -> (F, 4, h, w) float32."""
    height, width, _ = pose_maps[0].shape
    like = _latents_like(models, height, width)
    noise, generators = start_noise(
        like, len(pose_maps), seed=settings.seed, shared_noise=settings.shared_noise
    )
    frames_per_batch = settings.frames_per_batch or frames_that_fit(models.denoiser, height, width)
    return denoise(
        predict,
        noise,
        make_stepper(settings.scheduler, settings.steps, settings.eta),
        FrameWindows(frames_per_batch),
        lambda clip: draw_noise(clip, generators),
        on_step,
    )


@torch.no_grad()
def decode_frames(models: MagicPoseModels, latents: Tensor) -> Iterator[Tensor]:
    """Decode latents (F, 4, h, w) one by one -> frames (3, H, W) in [0, 1]."""
    for frame in vae.decode_each(models.vae, latents.split(1)):
        yield signed_to_unit(frame)[0]


def _reference_at(latents: Tensor, settings: SamplingSettings) -> ReferenceAt:
    """Give the reference latents at a timestep, with that timestep's own noise where asked for."""
    if not settings.noisy_reference:
        return lambda timestep: latents

    return lambda timestep: noisy_reference(latents, seed=settings.seed, timestep=timestep)


def _latents_like(models: MagicPoseModels, height: int, width: int) -> Tensor:
    """Give the shape and device of the latents of a picture, float32, without memory for them."""
    channels = models.vae.config.latent_channels
    cells = (height // LATENT_STRIDE, width // LATENT_STRIDE)
    return torch.empty((1, 1, 1, 1), device=models.vae.device).expand(1, channels, *cells)
