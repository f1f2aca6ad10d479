"""A small checkpoint and a motion module as ComfyUI's files, and a moving clip made with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import save_file
from torch import Tensor

from . import golden, made_up

SEED, STEPS, SIDE, FRAMES = 11, 2, 128, 6
Pack = Callable[[str], ModuleType]


def save_module(pack: Pack, shape: object, path: Path) -> None:
    """Write a module with random weights in AnimateDiff's own layout."""
    weight_map = pack("magicpose_core.weights.motion").motion_map(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = pack("magicpose_core.models.motion").MotionModule(shape)
    state = {weight_map.ldm_key(name): value for name, value in module.state_dict().items()}
    state |= {copy: state[key].clone() for copy, key in weight_map.copies.items()}
    save_file({key: value.contiguous() for key, value in state.items()}, path)


def save_files(pack: Pack, folder: Path) -> tuple[Path, Path]:
    """Write the checkpoint and a module of its widths."""
    heads = {"magicpose.heads": "4", "magicpose.text_heads": "2"}
    made_up.save(golden.micro_weights(), folder / "micro.safetensors", heads)
    opened = pack("magicpose_core.weights.checkpoint").open_checkpoint(folder / "micro.safetensors")
    unet = pack("magicpose_core.weights.contents").find_part(opened, "unet")
    plan = pack("magicpose_core.weights.recipes").UNET.shape(unet)
    shape = pack("magicpose_core.models.motion_plan").MotionShape(
        channels=plan.channels, resnets=plan.resnets, middle=True
    )
    save_module(pack, shape, folder / "mm_micro.safetensors")
    return folder / "micro.safetensors", folder / "mm_micro.safetensors"


def reference() -> Tensor:
    """The person, (1, 3, H, W) in [0, 1]."""
    return (golden.numbers("pipeline")["reference_image"].clamp(-1, 1) + 1) / 2


def pose_maps(count: int = FRAMES) -> Tensor:
    """Maps (F, 3, H, W) in [0, 1], each the one before moved to the right."""
    one = golden.numbers("pipeline")["pose_map"]
    rows = [torch.roll(one, 8 * index, dims=-1) for index in range(count)]
    return (torch.cat(rows) * 255).round() / 255


def encode_text(loaded: tuple) -> list:
    """The empty text, as ComfyUI's conditioning."""
    clip = loaded[1]
    return clip.encode_from_tokens_scheduled(clip.tokenize(""))


def sample(pack: Pack, loaded: tuple, model: object, count: int = FRAMES) -> Tensor:
    """Run Encode Reference and Sampler; returns frames (F, 3, H, W)."""
    _, _, vae, control_net, encoder = loaded
    encoded = pack("nodes.appearance.nodes").EncodeReference.execute(
        encoder, reference().movedim(1, -1), vae, SIDE, True, "sample", False, SEED
    )
    latent = pack("nodes.sampling").Sample.execute(
        model, encoded.args[0], control_net, pose_maps(count).movedim(1, -1), encode_text(loaded),
        SEED, "custom", STEPS, 7.0, "ddim_paper", "ddim_uniform", 1.0, "image_cfg", 0,
    )  # fmt: skip
    return vae.decode(latent.args[0]["samples"]).movedim(-1, 1)
