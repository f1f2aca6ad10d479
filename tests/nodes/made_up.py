"""Made-up models: the right keys and shapes, small random numbers, no meaning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

Weights = dict[str, Tensor]


def random_weights(
    network: nn.Module, prefix: str = "", dtype: torch.dtype = torch.float32
) -> Weights:
    """Numbers for a network built on the meta device, scaled so that activations stay finite."""
    pool = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))
    weights = {}
    for key, tensor in network.state_dict().items():
        if tensor.dtype.is_floating_point:
            count = tensor.numel()
            numbers = pool.repeat(count // len(pool) + 1)[:count].reshape(tensor.shape)
            fan_in = tensor[0].numel() if tensor.ndim > 1 else 1
            scale = fan_in**-0.5 if tensor.ndim > 1 else 0.02
            is_norm = tensor.ndim == 1 and key.endswith("weight")
            weights[prefix + key] = (numbers * scale + float(is_norm)).to(dtype)
    return weights


def networks(pack: Callable[[str], ModuleType], channels: tuple[int, ...], text: str) -> Weights:
    """A whole model in the released layout.

    Args:
        pack: Imports modules of this pack.
        channels: Of the U-Nets' levels.
        text: ``small`` for narrow text encoder and autoencoder, ``full`` for those of SD 1.5.
    """
    import comfy.cldm.cldm
    import comfy.ldm.models.autoencoder
    import comfy.ldm.modules.diffusionmodules.openaimodel as unet_model
    import comfy.ops
    import comfy.sd1_clip

    native, sd15 = pack("nodes.native"), pack("magicpose_core.models.sd15")
    small = text == "small"
    dtype = torch.float32 if small else torch.float16
    widths = (
        sd15.TextShape(width=32, layers=2, heads=4, feed_forward=64) if small else sd15.TextShape()
    )
    vae = (32, 32, 32, 64) if small else (128, 256, 512, 512)
    shape = sd15.UNetShape(channels=channels, context=widths.width)
    config = {**native._unet_config(shape), "operations": comfy.ops.disable_weight_init}
    with torch.device("meta"):
        unet = unet_model.UNetModel(**config)
        control = comfy.cldm.cldm.ControlNet(
            **{key: value for key, value in config.items() if key != "out_channels"},
            hint_channels=3,
        )
        autoencoder = comfy.ldm.models.autoencoder.AutoencoderKL(
            ddconfig=native._vae_plan(sd15.VaeShape(channels=vae)), embed_dim=4
        )
        clip = comfy.sd1_clip.SD1ClipModel(
            device="meta", model_options={"clip_l_model_config": native._clip_plan(widths)}
        )
    appearance = random_weights(unet, "appearance_control_model.", dtype)
    encoder = random_weights(clip.clip_l.transformer.text_model, "", dtype)
    return {
        **random_weights(unet, "model.diffusion_model.", dtype),
        **{key: tensor for key, tensor in appearance.items() if ".out." not in key},
        **random_weights(control, "pose_control_model.", dtype),
        **random_weights(autoencoder, "first_stage_model.", dtype),
        **{f"cond_stage_model.transformer.text_model.{key}": t for key, t in encoder.items()},
    }


def part(weights: Weights, *prefixes: str) -> Weights:
    """The weights below some prefixes."""
    return {key: tensor for key, tensor in weights.items() if key.startswith(prefixes)}


def lora(weights: Weights, rank: int = 2) -> Weights:
    """A LoRA on the self-attention of a U-Net, in kohya's layout."""
    made = {}
    for key, tensor in weights.items():
        if key.startswith("model.diffusion_model.") and key.endswith("attn1.to_k.weight"):
            name = key.removeprefix("model.diffusion_model.").removesuffix(".weight")
            stem = f"lora_unet_{name.replace('.', '_')}"
            made[f"{stem}.lora_up.weight"] = torch.full((tensor.shape[0], rank), 0.1)
            made[f"{stem}.lora_down.weight"] = torch.full((rank, tensor.shape[1]), 0.1)
            made[f"{stem}.alpha"] = torch.tensor(float(rank))
    return made


def random_lora(weights: Weights, name_of: Callable[[str], str | None]) -> Weights:
    """A LoRA of random numbers in kohya's layout, in fp16, convolutions included.

    Args:
        weights: Of a U-Net, under bare keys of the released layout.
        name_of: Gives the layer of a key the name that it has in the file; None leaves it out.
    """
    generator = torch.Generator().manual_seed(1)
    made, rank = {}, 3
    for key, tensor in weights.items():
        name = name_of(key.removesuffix(".weight"))
        if name is None or not key.endswith(".weight") or tensor.ndim < 2:
            continue
        stem = f"lora_unet_{name.replace('.', '_')}"
        down = torch.randn(rank, *tensor.shape[1:], generator=generator)
        up = torch.randn(*tensor.shape[:1], rank, *[1] * (tensor.ndim - 2), generator=generator)
        made[f"{stem}.lora_down.weight"] = (down / down[0].numel() ** 0.5).half()
        made[f"{stem}.lora_up.weight"] = (up * 0.2).half()
        made[f"{stem}.alpha"] = torch.tensor(2.0).half()
    return made


def save(weights: Weights, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a file as its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file({key: tensor.contiguous() for key, tensor in weights.items()}, path, metadata)
    else:
        torch.save(weights, path)
