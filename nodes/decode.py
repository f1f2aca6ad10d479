"""Decode Frames: latents of a clip -> its pictures, a frame after the other."""

from __future__ import annotations

import comfy.model_management
import comfy.sd
import torch
from comfy_api.latest import io
from torch import Tensor

from ..magicpose_core.errors import InputError
from .autoencoder_progress import autoencoder_progress
from .comfy_types import Latent
from .sockets import CATEGORY, node_id, search_aliases


def decode_frames(vae: comfy.sd.VAE, latents: Tensor) -> Tensor:
    """Decode (F, 4, h, w) unscaled latents as an IMAGE of F frames, with a progress bar.

    One frame at a time: on no device do more at once pay, and the memory stays that of one.

    Raises:
        InputError: There are no frames.
    """
    frames: Tensor | None = None
    with autoencoder_progress(vae, "decoder", latents.shape[0]):
        for index in range(latents.shape[0]):
            comfy.model_management.throw_exception_if_processing_interrupted()
            frame = vae.decode(latents[index : index + 1])
            if frames is None:
                frames = torch.empty(latents.shape[0], *frame.shape[1:], dtype=frame.dtype)
            frames[index] = frame[0]
    if frames is None:
        raise InputError("samples holds no frames; connect the latents of a sampler")
    return frames


class DecodeFrames(io.ComfyNode):
    """VAE Decode for clips."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("DecodeFrames"),
            display_name="Decode Frames",
            **search_aliases("VAE Decode"),
            category=CATEGORY,
            description=(
                "Decodes a clip frame by frame: the result of VAE Decode, with a progress bar and "
                "the memory of one frame."
            ),
            inputs=[
                io.Latent.Input("samples", tooltip="The clip's latents, from a sampler."),
                io.Vae.Input("vae", tooltip="The autoencoder of the Stable Diffusion 1.5 model."),
            ],
            outputs=[io.Image.Output(tooltip="The frames")],
        )

    @classmethod
    def execute(cls, samples: Latent, vae: comfy.sd.VAE) -> io.NodeOutput:
        return io.NodeOutput(decode_frames(vae, samples["samples"]))
