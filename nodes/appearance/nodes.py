"""Encode Reference and Apply Appearance: who the person is, and where it is read."""

from __future__ import annotations

import comfy.model_management
import comfy.model_patcher
import comfy.sd
import torch
from comfy_api.latest import io
from torch import Tensor

from ...magicpose_core import images as core_images
from ...magicpose_core.demo.photos import photo_warning
from ...magicpose_core.models.sd15 import SIZE_MULTIPLE
from ...magicpose_core.sampling.noise import reference_generator
from ...magicpose_core.sampling.settings import ControlMode, ReferenceLatents, SamplingSettings
from .. import bridge, notices
from ..comfy_types import Conditioning
from ..presets import note_of
from ..sockets import (
    CATEGORY,
    AppearanceModel,
    ReferenceAppearance,
    control_mode_input,
    node_id,
    percent_inputs,
    search_aliases,
    seed_input,
    setting_input,
)
from .encoding import encode_latents, latent_mask, reference_size
from .features import FeatureCache
from .model_patch import AppearanceSettings
from .reference import Reference, apply_appearance

MEBIBYTE = 2**20


class EncodeReference(io.ComfyNode):
    """Pictures of a person -> a reference."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("EncodeReference"),
            display_name="Encode Reference",
            **search_aliases("reference image", "appearance"),
            category=CATEGORY,
            description=(
                "Turns one or several pictures of a person into a reference for Apply Appearance. "
                "The tokens of several pictures are joined."
            ),
            inputs=[
                AppearanceModel.Input(
                    "appearance_model", tooltip="The network that reads faces, skin and clothes."
                ),
                io.Image.Input("image", tooltip="The person; a batch is read as one person."),
                io.Vae.Input("vae", tooltip="The autoencoder of the Stable Diffusion 1.5 model."),
                io.Clip.Input(
                    "clip",
                    optional=True,
                    tooltip=(
                        "Gives the appearance model the empty prompt, which it was trained with. "
                        "Left open, it reads the text of the frames, as the authors have it."
                    ),
                ),
                io.Conditioning.Input(
                    "conditioning",
                    optional=True,
                    tooltip="A text for the appearance model, in place of the empty prompt.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the person is (1): only what lies there is offered.",
                ),
                io.Int.Input(
                    "shorter_side",
                    default=512,
                    min=0,
                    max=2048,
                    step=SIZE_MULTIPLE,
                    tooltip=(
                        "Shorter side in pixels that the picture is brought to; the model was "
                        "trained at 512. 0 keeps the picture's own size."
                    ),
                ),
                io.Boolean.Input(
                    "square",
                    default=True,
                    label_on="crop the centre",
                    label_off="keep the aspect",
                    tooltip="Whether the centre square is cut out, as in training.",
                ),
                setting_input(SamplingSettings, "reference_latents"),
                setting_input(SamplingSettings, "noisy_reference"),
                seed_input("Seed of the latent's sample and of the noise."),
            ],
            outputs=[
                ReferenceAppearance.Output(display_name="reference", tooltip="For Apply Appearance")
            ],
        )

    @classmethod
    def execute(
        cls,
        appearance_model: comfy.model_patcher.ModelPatcher,
        image: Tensor,
        vae: comfy.sd.VAE,
        shorter_side: int,
        square: bool,
        reference_latents: ReferenceLatents,
        noisy_reference: bool,
        seed: int,
        clip: comfy.sd.CLIP | None = None,
        conditioning: Conditioning | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        pictures = bridge.to_pictures(image)
        if warning := photo_warning(note_of(appearance_model), pictures):
            notices.warn("%s", warning)
        rows, columns = pictures.shape[-2:]
        height, width = reference_size(rows, columns, shorter_side, square=square)
        latents = encode_latents(
            vae,
            core_images.fit_size(pictures, height, width),
            generator=reference_generator(seed) if reference_latents == "sample" else None,
        )
        reference = Reference(
            appearance_model=appearance_model,
            latents=appearance_model.model.process_latent_in(latents),
            text=_text(clip, conditioning),
            mask=None if mask is None else latent_mask(mask, pictures, height, width),
            noise_seed=seed if noisy_reference else None,
        )
        return io.NodeOutput(reference)


class ApplyAppearance(io.ComfyNode):
    """A MODEL that renders the person."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("ApplyAppearance"),
            display_name="Apply Appearance",
            **search_aliases("reference attention", "same person", "identity"),
            category=CATEGORY,
            description=(
                "Lets the MODEL's self-attention read the reference, so that it renders the same "
                "person. Works with any sampler, LoRA and ControlNet; several can be chained."
            ),
            inputs=[
                io.Model.Input("model", tooltip="Any Stable Diffusion 1.5 model."),
                ReferenceAppearance.Input("reference", tooltip="From Encode Reference."),
                control_mode_input(),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.01,
                    tooltip=(
                        "Factor on the attention paid to the reference: 1 is the paper's and the "
                        "fastest, 0 is off."
                    ),
                ),
                *percent_inputs("the reference"),
                io.Combo.Input(
                    "cache",
                    options=["off", "CPU", "GPU"],
                    default="CPU",
                    tooltip=(
                        "Where the reference's features are kept for the next run. About 23 MB per "
                        "step at 512 pixels in half precision. GPU: freed when the model unloads."
                    ),
                ),
                io.Int.Input(
                    "cache_limit",
                    default=1024,
                    min=0,
                    max=65536,
                    step=64,
                    tooltip="Most memory the cache may take, in MiB.",
                ),
            ],
            outputs=[io.Model.Output(tooltip="For any sampler")],
        )

    @classmethod
    def execute(
        cls,
        model: comfy.model_patcher.ModelPatcher,
        reference: Reference,
        control_mode: ControlMode,
        strength: float,
        start_percent: float,
        end_percent: float,
        cache: str,
        cache_limit: int,
    ) -> io.NodeOutput:
        sampling = model.get_model_object("model_sampling")
        settings = AppearanceSettings(
            control_mode=control_mode,
            strength=strength,
            sigma_range=(
                sampling.percent_to_sigma(start_percent),
                sampling.percent_to_sigma(end_percent),
            ),
        )
        kept = feature_cache(cache, cache_limit)
        return io.NodeOutput(apply_appearance(model, reference, settings, kept))


def feature_cache(where: str, mebibytes: int) -> FeatureCache:
    """Make the cache that a node's settings ask for: ``off``, ``CPU`` or ``GPU``."""
    if where == "GPU":
        return FeatureCache(mebibytes * MEBIBYTE, comfy.model_management.get_torch_device())
    return FeatureCache(0 if where == "off" else mebibytes * MEBIBYTE, torch.device("cpu"))


def _text(clip: comfy.sd.CLIP | None, conditioning: Conditioning | None) -> Tensor | None:
    if conditioning is not None:
        return bridge.to_text(conditioning)
    if clip is None:
        return None
    return bridge.to_text(clip.encode_from_tokens_scheduled(clip.tokenize("")))
