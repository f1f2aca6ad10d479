"""MagicPose Sampler: the other nodes in a row, and the authors' way of stepping."""

from __future__ import annotations

import comfy.k_diffusion.sampling
import comfy.model_patcher
import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from comfy_api.latest import io
from torch import Tensor

import nodes

from ..magicpose_core.errors import InputError
from ..magicpose_core.sampling.schedules import ddim_timesteps
from ..magicpose_core.sampling.settings import ControlMode, SamplingSettings
from .appearance.model_patch import AppearanceSettings
from .appearance.nodes import feature_cache
from .appearance.reference import Reference, apply_appearance
from .comfy_types import Conditioning, ControlNet, Latent, NoiseLevels
from .frame_latents import empty_latent
from .frames import FrameSettings, batch_frames
from .pose_control import apply_pose
from .presets import PAPER_SAMPLER, PRESETS, Preset, PresetName, SamplerChoice, choose
from .sockets import (
    CATEGORY,
    ReferenceAppearance,
    control_mode_input,
    node_id,
    search_aliases,
    seed_input,
    setting_input,
)


class PaperDdim(comfy.samplers.KSAMPLER):
    """DDIM as the authors step it, in ComfyUI's terms.

    Euler steps over noise levels are DDIM steps; what differs is that sampling starts from noise of
    the variance that the model was trained on, and ends at the first level instead of zero.

    Source: reference sampling of Chang et al. 2024; Song et al. 2021, eq. 13.
    """

    def __init__(self) -> None:
        super().__init__(_sample_to_first_level)

    def max_denoise(self, model_wrap: object, sigmas: Tensor) -> bool:
        """Say that sampling starts from pure noise, also below the highest level."""
        return True


def _sample_to_first_level(
    model: object,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, object],
    callback: object,
    disable: bool,
) -> Tensor:
    x = comfy.k_diffusion.sampling.sample_euler(
        model, x, sigmas, extra_args=extra_args, callback=callback, disable=disable
    )
    return x / (1 + sigmas[-1] ** 2).sqrt()  # from ComfyUI's scale, clean plus noise, to DDIM's


def paper_sigmas(model_sampling: NoiseLevels, steps: int) -> Tensor:
    """Noise levels of the authors' DDIM steps, the first level at the end instead of zero."""
    timesteps = [*ddim_timesteps(steps), 0]
    return model_sampling.sigma(torch.tensor(timesteps, dtype=torch.float32)).cpu()


def sample_as_paper(
    model: comfy.model_patcher.ModelPatcher,
    positive: Conditioning,
    negative: Conditioning,
    latent: Latent,
    *,
    seed: int,
    steps: int,
    cfg: float,
) -> Tensor:
    """Sample as the authors do; (F, 4, h, w) unscaled latents."""
    sigmas = paper_sigmas(model.get_model_object("model_sampling"), steps)
    return comfy.sample.sample_custom(
        model,
        comfy.sample.prepare_noise(latent["samples"], seed, latent["batch_index"]),
        cfg,
        PaperDdim(),
        sigmas,
        positive,
        negative,
        torch.zeros_like(latent["samples"]),
        noise_mask=latent.get("noise_mask"),
        callback=latent_preview.prepare_callback(model, len(sigmas) - 1),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=seed,
    )


class Sample(io.ComfyNode):
    """Reference and poses in, latents of a clip out."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("Sample"),
            display_name="MagicPose Sampler",
            **search_aliases("MagicDance", "dance", "retarget"),
            category=CATEGORY,
            description=(
                "The short way: Apply Appearance, Apply Pose ControlNet, Frame Batcher and a "
                "sampler in one, with the settings that the model wants, or the paper's."
            ),
            inputs=[
                io.Model.Input("model", tooltip="Any Stable Diffusion 1.5 model."),
                ReferenceAppearance.Input("reference", tooltip="From Encode Reference."),
                io.ControlNet.Input("control_net", tooltip="MagicPose's pose ControlNet."),
                io.Image.Input(
                    "pose_maps",
                    tooltip="OpenPose drawings on black, one image per frame; they set the size.",
                ),
                io.Conditioning.Input(
                    "positive", tooltip="Text of the conditional half; MagicPose uses none (empty)."
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="Text of the unconditional half. Left open: the positive's text.",
                ),
                io.Latent.Input(
                    "latent",
                    optional=True,
                    tooltip="Frames to start from with denoise below 1; left open: empty ones.",
                ),
                seed_input("Seed of the initial noise, which all frames share."),
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="model",
                    tooltip=(
                        "Where steps, cfg, sampler_name and scheduler come from. model: from the "
                        "model's file, or the paper's where it notes none. paper: the 50 exact "
                        "steps. fast, draft: fewer steps, chosen on the demo model: a start for "
                        "others. custom: from the four inputs below, which the others do not read."
                    ),
                ),
                setting_input(
                    SamplingSettings, "steps", tooltip="Sampling steps; the paper takes 50."
                ),
                setting_input(
                    SamplingSettings,
                    "guidance_scale",
                    name="cfg",
                    step=0.1,
                    round=0.01,
                    tooltip="Guidance scale; 7 is the paper's, 1 skips the unconditional half.",
                ),
                io.Combo.Input(
                    "sampler_name",
                    options=[PAPER_SAMPLER, *comfy.samplers.KSampler.SAMPLERS],
                    default=PAPER_SAMPLER,
                    tooltip="ddim_paper steps exactly as the authors (DDIM with their last step).",
                ),
                io.Combo.Input(
                    "scheduler",
                    options=comfy.samplers.KSampler.SCHEDULERS,
                    default=SamplerChoice.scheduler,
                    tooltip="Spacing of the noise levels; ddim_paper has its own.",
                ),
                io.Float.Input(
                    "denoise",
                    default=1.0,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "Part of the sampling that is done; below 1 the latent is kept in part "
                        "(not with ddim_paper)."
                    ),
                ),
                control_mode_input(),
                io.Int.Input(
                    "frames_per_batch",
                    default=0,
                    min=0,
                    max=1024,
                    tooltip=(
                        "Frames that go through the model together. 0 takes what the free memory "
                        "allows, 16 at most. The result is the same."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    optional=True,
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.01,
                    tooltip="How strongly the reference is read; 1 is the paper's, 0 not at all.",
                ),
            ],
            outputs=[io.Latent.Output(tooltip="For VAE Decode")],
        )

    @classmethod
    def execute(
        cls,
        model: comfy.model_patcher.ModelPatcher,
        reference: Reference,
        control_net: ControlNet,
        pose_maps: Tensor,
        positive: Conditioning,
        seed: int,
        preset: PresetName | Preset,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        denoise: float,
        control_mode: ControlMode,
        frames_per_batch: int,
        negative: Conditioning | None = None,
        latent: Latent | None = None,
        strength: float = 1.0,
    ) -> io.NodeOutput:
        widgets = SamplerChoice(
            steps=steps, cfg=cfg, sampler_name=sampler_name, scheduler=scheduler
        )
        chosen = choose(preset, model, widgets)
        check_choice(chosen, denoise, latent)
        cache = feature_cache("off", 0)
        appearance = AppearanceSettings(control_mode=control_mode, strength=strength)
        model = apply_appearance(model, reference, appearance, cache)
        model = batch_frames(model, FrameSettings(frames_per_batch=frames_per_batch))
        halves = apply_pose(control_net, pose_maps, positive, negative, control_mode=control_mode)
        start = start_latent(latent, pose_maps)
        if chosen.sampler_name != PAPER_SAMPLER:
            how = (chosen.steps, chosen.cfg, chosen.sampler_name, chosen.scheduler)
            return io.NodeOutput(*nodes.common_ksampler(model, seed, *how, *halves, start, denoise))
        samples = sample_as_paper(
            model, *halves, start, seed=seed, steps=chosen.steps, cfg=chosen.cfg
        )
        return io.NodeOutput({**start, "samples": samples})


def check_choice(chosen: SamplerChoice, denoise: float, latent: Latent | None) -> None:
    """Refuse what would do nothing beside the chosen sampler, before anything is computed.

    Raises:
        InputError: A part of the latent is to be kept, and none is given or the sampler keeps none;
            or the scheduler is one that the authors' stepping has no use for.
    """
    by_paper = chosen.sampler_name == PAPER_SAMPLER
    if by_paper and chosen.scheduler != SamplerChoice.scheduler:
        raise InputError(
            f"scheduler {chosen.scheduler} does nothing beside ddim_paper, which has a spacing "
            f"of its own: set it to {SamplerChoice.scheduler}, or choose another sampler_name"
        )
    if denoise == 1:
        return
    if by_paper:
        raise InputError(
            "ddim_paper starts from noise alone: set denoise to 1, or choose "
            "another sampler_name (with the preset custom) to keep a part of the latent"
        )
    if latent is None:
        raise InputError(
            f"denoise is {denoise:g}, which keeps a part of the latent, and there is none: "
            "connect the frames to start from to latent, or set denoise to 1"
        )


def start_latent(latent: Latent | None, pose_maps: Tensor) -> Latent:
    """Make the LATENT that sampling starts from, one shared noise for all frames.

    Raises:
        InputError: The latent and the pose maps differ in number or size.
    """
    frames, height, width = pose_maps.shape[:3]
    empty = empty_latent(frames, height, width, shared_noise=1.0)
    if latent is None:
        return empty
    given, wanted = latent["samples"].shape, empty["samples"].shape
    if given != wanted:
        raise InputError(
            f"latent must match the pose maps, {tuple(wanted)}, got {tuple(given)}; encode as many "
            "frames of the same size, or leave it open"
        )
    return {**latent, "batch_index": empty["batch_index"]}
