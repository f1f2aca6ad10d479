"""Build ComfyUI's own models from weights in the released layout, whatever their width.

ComfyUI recognises only U-Nets of 320 channels; the demo model is narrower. Both are built here from
the shapes that ``magicpose_core`` reads out of the file, so they offload, cast and attend alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import comfy.cldm.cldm
import comfy.controlnet
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.sd
import comfy.sd1_clip
import comfy.supported_models
import comfy.supported_models_base
import torch
from torch import Tensor, nn

from ..magicpose_core.errors import CheckpointError
from ..magicpose_core.models.sd15 import ControlNetShape, TextShape, UNetShape, VaeShape

Weights = Mapping[str, Tensor]


def build_unet(
    shape: UNetShape, weights: Weights, dtype: torch.dtype | None = None
) -> comfy.model_patcher.ModelPatcher:
    """Build a U-Net as ComfyUI's MODEL.

    Args:
        shape: The architecture.
        weights: Released-layout keys without ``model.diffusion_model.``.
        dtype: Dtype to keep the weights in; None leaves the choice to ComfyUI.

    Raises:
        CheckpointError: Weights are missing.
    """
    load_device = comfy.model_management.get_torch_device()
    kept, computed = _dtypes(weights, dtype, load_device)
    config = comfy.supported_models.SD15(_unet_config(shape))
    config.unet_config["num_heads"] = shape.heads  # the class fills in SD 1.5's eight
    config.set_inference_dtype(kept, computed)
    offload_device = comfy.model_management.unet_offload_device()
    model = config.get_model({}, "", device=offload_device)
    _load(model.diffusion_model, weights, "U-Net")
    return comfy.model_patcher.ModelPatcher(model, load_device, offload_device)


def build_appearance_unet(
    shape: UNetShape, weights: Weights, dtype: torch.dtype | None = None
) -> comfy.model_patcher.ModelPatcher:
    """Build the appearance control model as ComfyUI's U-Net; its head is filled in, never used."""
    trunk = {key: tensor for key, tensor in weights.items() if "input_hint_block" not in key}
    first = shape.channels[0]
    head = {
        "out.0.weight": torch.ones(first),
        "out.0.bias": torch.zeros(first),
        "out.2.weight": torch.zeros(shape.latent_channels, first, 3, 3),
        "out.2.bias": torch.zeros(shape.latent_channels),
    }
    return build_unet(shape, {**head, **trunk}, dtype)


def build_control_net(
    shape: ControlNetShape, weights: Weights, dtype: torch.dtype | None = None
) -> comfy.controlnet.ControlNet:
    """Build a ControlNet v1.1 as ComfyUI's CONTROL_NET; keys without their prefix."""
    load_device = comfy.model_management.get_torch_device()
    kept, computed = _dtypes(weights, dtype, load_device)
    config = _unet_config(shape.unet)
    del config["out_channels"]
    network = comfy.cldm.cldm.ControlNet(
        **config,
        hint_channels=weights["input_hint_block.0.weight"].shape[1],
        dtype=kept,
        device=comfy.model_management.unet_offload_device(),
        operations=comfy.ops.pick_operations(kept, computed),
    )
    _load(network, weights, "ControlNet")
    return comfy.controlnet.ControlNet(network, load_device=load_device, manual_cast_dtype=computed)


def build_vae(shape: VaeShape, weights: Weights) -> comfy.sd.VAE:
    """Build the autoencoder as ComfyUI's VAE; keys without ``first_stage_model.``."""
    config = {"params": {"ddconfig": _vae_plan(shape), "embed_dim": shape.latent_channels}}
    return comfy.sd.VAE(sd=dict(weights), config=config)


def build_clip(
    shape: TextShape, weights: Weights, embeddings: list[str] | None = None
) -> comfy.sd.CLIP:
    """Build the text encoder as ComfyUI's CLIP.

    Args:
        shape: The architecture.
        weights: Keys without ``cond_stage_model.``, ``transformer.text_model...``.
        embeddings: Folders with textual inversions.
    """
    target = comfy.supported_models_base.ClipTarget(
        comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel
    )
    return comfy.sd.CLIP(
        target,
        embedding_directory=embeddings,
        state_dict={f"clip_l.{key}": tensor for key, tensor in weights.items()},
        model_options={"clip_l_model_config": _clip_plan(shape)},
    )


def _unet_config(shape: UNetShape) -> dict[str, object]:
    first, levels = shape.channels[0], len(shape.channels)
    return {
        "image_size": 32,
        "in_channels": shape.latent_channels,
        "out_channels": shape.latent_channels,
        "model_channels": first,
        "channel_mult": [width // first for width in shape.channels],
        "num_res_blocks": [shape.resnets] * levels,
        "transformer_depth": [int(a) for a in shape.attention for _ in range(shape.resnets)],
        "transformer_depth_output": [
            int(a) for a in shape.attention for _ in range(shape.resnets + 1)
        ],
        "transformer_depth_middle": 1,
        "context_dim": shape.context,
        "num_heads": shape.heads,
        "num_head_channels": -1,
        "use_spatial_transformer": True,
        "use_linear_in_transformer": False,
        "use_temporal_attention": False,
        "use_temporal_resblock": False,
        "use_checkpoint": False,
        "adm_in_channels": None,
        "legacy": False,
    }


def _vae_plan(shape: VaeShape) -> dict[str, object]:
    first = shape.channels[0]
    return {
        "double_z": True,
        "z_channels": shape.latent_channels,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": first,
        "ch_mult": [width // first for width in shape.channels],
        "num_res_blocks": shape.resnets,
        "attn_resolutions": [],
        "dropout": 0.0,
    }


def _clip_plan(shape: TextShape) -> dict[str, int]:
    return {
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "max_position_embeddings": shape.positions,
        "projection_dim": shape.width,
        "vocab_size": shape.vocabulary,
    }


def _dtypes(
    weights: Weights, dtype: torch.dtype | None, device: torch.device
) -> tuple[torch.dtype, torch.dtype | None]:
    """Choose the dtype of the weights and, where the device cannot compute in it, another."""
    if dtype is None:
        dtype = comfy.model_management.unet_dtype(
            device,
            model_params=sum(tensor.numel() for tensor in weights.values()),
            weight_dtype=next(iter(weights.values())).dtype,
        )
    return dtype, comfy.model_management.unet_manual_cast(dtype, device)


def _load(network: nn.Module, weights: Weights, name: str) -> None:
    missing, _ = network.load_state_dict(dict(weights), strict=False)
    if missing:
        raise CheckpointError(
            f"the {name} lacks {len(missing)} weights ({missing[0]}, ...); "
            "expected a whole model, fetch the file again"
        )
