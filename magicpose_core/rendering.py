"""One picture of a person and a sequence of pose maps -> the same person in those poses.

The way of a clip: encode the reference, draw one noise, denoise all frames together, decode a few
at a time. Each step is a function that can be used alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .clip_checks import (
    check_inputs,
    check_rooms,
    check_windows,
    warn_of_other_betas,
    warn_of_other_noise,
)
from .deflicker import deflicker
from .errors import InputError
from .images import signed_to_unit, unit_to_signed
from .models import vae
from .models.deep_features import bytes_per_frame
from .models.denoiser import Conditioning, ReferenceAt
from .models.memory import frames_that_fit, free_memory
from .models.networks import UNet
from .models.pose_hints import PoseHints, PoseMaps
from .models.sd15 import LATENT_STRIDE
from .sampling.denoise import OnSamplingStep, denoise
from .sampling.guidance import PredictNoise, guide, guided_timesteps
from .sampling.noise import draw_noise, noisy_reference, reference_generator, start_noise
from .sampling.settings import CompleteSampling, SamplingSettings
from .sampling.steppers import make_stepper
from .sampling.windows import FrameWindows, Windows, motion_windows
from .timing import Stopwatch
from .weights.loading import MagicPoseModels

_MOST_KEPT = 0.5  # of free memory, by what is kept between steps


def render(
    models: MagicPoseModels,
    reference: Tensor,
    pose_maps: PoseMaps,
    settings: SamplingSettings,
    *,
    text: Tensor | None = None,
    negative_text: Tensor | None = None,
    reference_per_frame: bool = False,
    on_step: OnSamplingStep | None = None,
) -> Iterator[Tensor]:
    """Render a clip.

    Args:
        models: The networks; they are left as they are, whatever happens.
        reference: (R, 3, H, W) float in [0, 1], R pictures of the person; sides are multiples of
            64 and need not be those of the frames.
        pose_maps: F maps, (H, W, 3) uint8 each, sides multiples of 64: the size of the result.
        settings: How to sample.
        text: (1, L, C) text embedding; None is the empty prompt, with which MagicPose was trained.
        negative_text: The unconditional half's text in ``balance``; None is the empty prompt.
        reference_per_frame: R is F: frame f shows the person of picture f, in the pose of map f.
        on_step: Called after each step.

    Returns:
        F frames (3, H, W) float32 in [0, 1], sampled when the first is asked for and decoded one
        after the other.

    Raises:
        InputError: A size, a dtype or a range is not what it must be (at once); a prediction is
            not finite (while sampling).
    """
    check_inputs(reference, pose_maps, reference_per_frame=reference_per_frame)
    check_rooms(models, reference, pose_maps)
    warn_of_other_betas(models.note)
    complete = settings.complete(models.noted_sampling)
    check_windows(models, complete, reference_per_frame=reference_per_frame)
    warn_of_other_noise(models.motion_note, complete.shared_noise)

    def frames() -> Iterator[Tensor]:
        latents = sample_clip(
            models,
            reference,
            pose_maps,
            complete,
            text=text,
            negative_text=negative_text,
            reference_per_frame=reference_per_frame,
            on_step=on_step,
        )
        decoded = decode_frames(models, latents)
        if complete.deflicker:
            decoded = deflicker(
                decoded, reference, pose_maps, reference_per_frame=reference_per_frame
            )
        yield from decoded

    return frames()


@torch.no_grad()
def sample_clip(  # noqa: PLR0913 - one argument for each thing that a clip takes
    models: MagicPoseModels,
    reference: Tensor,
    pose_maps: PoseMaps,
    settings: SamplingSettings,
    *,
    text: Tensor | None = None,
    negative_text: Tensor | None = None,
    reference_per_frame: bool = False,
    on_step: OnSamplingStep | None = None,
    stopwatch: Stopwatch | None = None,
) -> Tensor:
    """Sample the latents of a clip, see :func:`render` -> (F, 4, h, w) scaled, float32.

    A ``stopwatch`` takes the times of ``reference``, with the text, and of ``sampling``.
    """
    watch = Stopwatch() if stopwatch is None else stopwatch
    complete = settings.complete(models.noted_sampling)
    with watch.part("reference"):
        text = models.text.empty_prompt() if text is None else text
        negative_text = models.text.empty_prompt() if negative_text is None else negative_text
        reference_latents = encode_reference(models, reference, complete)
    with watch.part("sampling"):
        predict = prepare_prediction(
            models,
            reference_latents,
            pose_maps,
            complete,
            text,
            negative_text,
            reference_per_frame=reference_per_frame,
        )
        return sample(models, predict, pose_maps, complete, on_step)


def encode_reference(
    models: MagicPoseModels, reference: Tensor, settings: CompleteSampling
) -> Tensor:
    """Encode the reference pictures (R, 3, H, W) in [0, 1] -> (R, 4, h, w) scaled latents."""
    noise = None
    if settings.reference_latents == "sample":
        like = _latents_like(models, *reference.shape[2:])
        noise = draw_noise(like, [reference_generator(settings.seed)] * reference.shape[0])
    return vae.encode(models.vae, unit_to_signed(reference), noise)


def prepare_prediction(
    models: MagicPoseModels,
    reference_latents: Tensor,
    pose_maps: PoseMaps,
    settings: CompleteSampling,
    text: Tensor,
    negative_text: Tensor,
    *,
    reference_per_frame: bool = False,
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
        reference_per_frame=reference_per_frame,
    )
    whole_at = _whole_at(models, pose_maps, settings)
    conditional = models.denoiser.prepare(controlled, whole_at)
    if settings.guidance_scale == 1:
        return conditional
    if settings.control_mode == "image_cfg":
        other = Conditioning(text=text)
    elif torch.equal(text, negative_text):
        return conditional  # both halves would be the same number for number
    else:
        other = dataclasses.replace(controlled, text=negative_text)
    unconditional = models.denoiser.prepare(other, whole_at)
    return guide(conditional, unconditional, settings.guidance_scale, _guided_at(settings))


def _whole_at(
    models: MagicPoseModels, pose_maps: PoseMaps, settings: CompleteSampling
) -> frozenset[int] | None:
    """Choose the timesteps at which all layers are computed; None where they always are.

    Raises:
        InputError: What is kept between them does not fit into memory.
    """
    if settings.deep_every == 1:
        return None
    unet = models.denoiser.unet
    assert isinstance(unet, UNet)  # check_windows refuses motion modules
    weight = next(unet.parameters())
    height, width, _ = pose_maps[0].shape
    cells = (height // LATENT_STRIDE) * (width // LATENT_STRIDE)
    kept = len(pose_maps) * bytes_per_frame(unet, cells, weight.element_size())
    free = free_memory(weight.device)
    if free is not None and kept > free * _MOST_KEPT:
        raise InputError(
            f"deep_every keeps {kept / 1e9:.1f} GB for {len(pose_maps)} frames and "
            f"{free / 1e9:.1f} GB are free; render fewer frames at once, or set it to 1"
        )
    return frozenset(_timesteps(settings)[:: settings.deep_every])


def _guided_at(settings: CompleteSampling) -> frozenset[int] | None:
    """Choose the timesteps at which guidance works; None where it does throughout."""
    start, stop = settings.guidance_start, settings.guidance_stop
    if (start, stop) == (0, 1):
        return None
    return guided_timesteps(_timesteps(settings), start=start, stop=stop)


def _timesteps(settings: CompleteSampling) -> Sequence[int]:
    return make_stepper(
        settings.scheduler, settings.steps, settings.eta, settings.beta_schedule
    ).timesteps


def sample(
    models: MagicPoseModels,
    predict: PredictNoise,
    pose_maps: PoseMaps,
    settings: CompleteSampling,
    on_step: OnSamplingStep | None = None,
) -> Tensor:
    """Sample the latents of a clip -> (F, 4, h, w) float32."""
    height, width, _ = pose_maps[0].shape
    windows = _windows(models, settings, height, width)
    noise, generators = start_noise(
        _latents_like(models, height, width),
        len(pose_maps),
        seed=settings.seed,
        shared_noise=settings.shared_noise,
        shuffled=(windows.length, windows.length - windows.overlap)
        if settings.shuffled_noise
        else None,
    )
    return denoise(
        predict,
        noise,
        make_stepper(settings.scheduler, settings.steps, settings.eta, settings.beta_schedule),
        windows,
        lambda clip: draw_noise(clip, generators),
        on_step,
        settings.beta_schedule,
    )


def _windows(
    models: MagicPoseModels, settings: CompleteSampling, height: int, width: int
) -> Windows:
    motion = models.denoiser.motion
    if motion is not None:
        return motion_windows(settings, usual=motion.window_length, longest=motion.positions)
    frames_per_batch = settings.frames_per_batch or frames_that_fit(models.denoiser, height, width)
    return FrameWindows(frames_per_batch)


@torch.no_grad()
def decode_frames(models: MagicPoseModels, latents: Tensor) -> Iterator[Tensor]:
    """Decode latents (F, 4, h, w) one by one -> frames (3, H, W) in [0, 1]."""
    for frame in vae.decode_each(models.vae, latents.split(1)):
        yield signed_to_unit(frame)[0]


def _reference_at(latents: Tensor, settings: CompleteSampling) -> ReferenceAt:
    """Give the reference latents at a timestep, with that timestep's own noise where asked for."""
    if not settings.noisy_reference:
        return lambda timestep: latents
    return lambda timestep: noisy_reference(
        latents, seed=settings.seed, timestep=timestep, schedule=settings.beta_schedule
    )


def _latents_like(models: MagicPoseModels, height: int, width: int) -> Tensor:
    """Give the shape and device of the latents of a picture, float32, without memory for them."""
    channels = models.vae.config.latent_channels
    cells = (height // LATENT_STRIDE, width // LATENT_STRIDE)
    return torch.empty((1, 1, 1, 1), device=models.vae.device).expand(1, channels, *cells)
