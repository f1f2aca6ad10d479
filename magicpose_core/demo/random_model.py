"""A model of the demo's plan with random weights, for copies that ship no trained one."""

from __future__ import annotations

from pathlib import Path

import torch

from ..models.sd15 import ControlNetShape, UNetShape
from ..training.config import NetworkConfig
from ..training.export import denoiser_parts, export, text_part, vae_part
from ..training.fresh import fresh_denoiser, fresh_text, fresh_vae

_NETWORKS = NetworkConfig(
    channels=(64, 128, 128, 128), heads=8, text_width=64, vae_channels=(64, 64, 64, 128)
)


def write_random_model(path: Path) -> Path:
    """Write a whole model in the released layout, every weight random.

    Raises:
        OutputError: The file cannot be written.
    """
    denoiser = fresh_denoiser(_NETWORKS, seed=0)
    text = fresh_text(_NETWORKS, seed=0)
    shape = ControlNetShape(
        unet=UNetShape(
            channels=_NETWORKS.channels, heads=_NETWORKS.heads, context=_NETWORKS.text_width
        )
    )
    parts = {
        **denoiser_parts(denoiser, shape),
        "vae": vae_part(fresh_vae(_NETWORKS, seed=0)),
        "text": text_part(text),
    }
    return export(
        path,
        parts,
        dtype=torch.float16,
        heads=_NETWORKS.heads,
        text_heads=text.clip.config.num_attention_heads,
    )
