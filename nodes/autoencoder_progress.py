"""A progress bar for the autoencoder, whose passes take as long as many a step on a CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import comfy.sd
import comfy.utils
from torch import Tensor

_BLOCK = "ResnetBlock"  # ComfyUI's class of the blocks that do most of the work


@contextlib.contextmanager
def autoencoder_progress(vae: comfy.sd.VAE, part: str, pictures: int) -> Iterator[None]:
    """Move the node's progress bar with each block of each picture; also lets a run be interrupted.

    Args:
        vae: ComfyUI's VAE.
        part: ``encoder`` or ``decoder``.
        pictures: How many go through it in the block.
    """
    network = getattr(vae.first_stage_model, part, vae.first_stage_model)
    blocks = [block for block in network.modules() if type(block).__name__ == _BLOCK]
    bar = comfy.utils.ProgressBar(max(1, len(blocks)) * pictures)

    def move(_: object, inputs: tuple[Tensor, ...], __: object) -> None:
        bar.update(inputs[0].shape[0])

    handles = [block.register_forward_hook(move) for block in blocks or [network]]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
