"""The reference: who the person is, ready to be offered to a U-Net."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import comfy.model_patcher
import torch
from comfy.patcher_extension import CallbacksMP, WrappersMP
from torch import Tensor

from ...magicpose_core.errors import InputError
from ...magicpose_core.sampling.noise import noisy_reference
from ..live_preview import preview_clip
from .features import FeatureCache, Features, collect_features
from .halves import tell_halves
from .model_patch import AppearanceSettings, appearance_wrapper

_KEY = "magicpose"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One person's appearance.

    Attributes:
        appearance_model: The appearance control model.
        latents: (R, 4, h, w) scaled latents of the reference pictures.
        text: (1, L, C) text embedding that the appearance control model is given; None gives it
            the text of the frames, as the authors do.
        mask: (R, 1, h, w) in [0, 1], 1 where the tokens are offered; None offers all.
        noise_seed: Seed of the noise that is added at each timestep; None adds none (the released
            setting, ``wonoise``).
    """

    appearance_model: comfy.model_patcher.ModelPatcher
    latents: Tensor
    text: Tensor | None = None
    mask: Tensor | None = None
    noise_seed: int | None = None


def apply_appearance(
    model: comfy.model_patcher.ModelPatcher,
    reference: Reference,
    settings: AppearanceSettings,
    cache: FeatureCache,
) -> comfy.model_patcher.ModelPatcher:
    """Let a MODEL read the reference in its self-attention; the given MODEL stays as it is.

    Raises:
        InputError: The MODEL is no SD 1.5, or of another width than the appearance control model.
    """
    _check_architectures(model, reference.appearance_model)
    if settings.strength == 0:
        return model
    appearance_model = reference.appearance_model

    def features_at(timestep: float, frames_text: Tensor) -> Features:
        text = frames_text if reference.text is None else reference.text
        # what else the features depend on is the reference itself, and the cache is its own
        key = (timestep, _digest(frames_text) if reference.text is None else None)

        def compute() -> Features:
            latents = _latents_at(reference, timestep)
            at = torch.tensor([timestep])
            return collect_features(appearance_model, latents, at, text, reference.mask)

        return cache.fetch(key, appearance_model.load_device, compute)

    def on_detach(patcher: comfy.model_patcher.ModelPatcher, unloaded: bool) -> None:
        if unloaded:  # ComfyUI also detaches, without unloading, before each run
            cache.release(patcher.load_device)

    patched = model.clone()
    tell_halves(patched)
    preview_clip(patched)
    patched.add_wrapper_with_key(
        WrappersMP.DIFFUSION_MODEL,
        _KEY,
        appearance_wrapper(features_at, settings, by_text=reference.text is None),
    )
    patched.add_callback_with_key(CallbacksMP.ON_DETACH, _KEY, on_detach)
    others = patched.get_additional_models_with_key(_KEY)
    if not any(appearance_model.is_clone(other) for other in others):
        patched.set_additional_models(_KEY, [*others, appearance_model])
    return patched


def _digest(text: Tensor) -> bytes:
    return hashlib.sha256(text.float().cpu().numpy().tobytes()).digest()


def _latents_at(reference: Reference, timestep: float) -> Tensor:
    """Add the noise of this timestep where the reference asks for it."""
    if reference.noise_seed is None:
        return reference.latents
    return noisy_reference(reference.latents, seed=reference.noise_seed, timestep=int(timestep))


def _check_architectures(
    model: comfy.model_patcher.ModelPatcher, appearance_model: comfy.model_patcher.ModelPatcher
) -> None:
    wanted, given = _architecture(appearance_model), _architecture(model)
    if wanted != given:
        raise InputError(
            f"model is {given}, the reference was encoded for {wanted}; connect a Stable "
            "Diffusion 1.5 checkpoint of the appearance model's width"
        )


def _architecture(model: comfy.model_patcher.ModelPatcher) -> str:
    config = model.model.model_config.unet_config
    if "model_channels" not in config:
        return f"a {type(model.model).__name__} model"
    widths = [config["model_channels"] * factor for factor in config["channel_mult"]]
    return f"a U-Net of channels {widths} with text of width {config['context_dim']}"
