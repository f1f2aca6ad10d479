"""A preview of the whole clip: its frames take turns on the node while they form.

ComfyUI previews the first frame of a batch once per step. Here the frames of the last step are
shown one after the other until the next step brings better ones.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import comfy.model_patcher
import latent_preview
import server
from comfy.patcher_extension import WrappersMP
from comfy_api import feature_flags
from comfy_execution.progress import get_progress_state
from comfy_execution.utils import get_executing_context
from PIL import Image
from protocol import BinaryEventTypes
from torch import Tensor

from .comfy_types import Guider

_KEY = "magicpose_preview"
_MOST_FRAMES = 64  # of a longer clip as many, evenly spaced
_SECONDS = 0.1  # between two frames


def preview_clip(model: comfy.model_patcher.ModelPatcher) -> None:
    """Let every sampler show the clip of a MODEL of our own; repeating it changes nothing."""
    if not model.get_wrappers(WrappersMP.SAMPLER_SAMPLE, _KEY):
        model.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, _KEY, _sample_with_preview)


@contextlib.contextmanager
def frames_in_turn(
    show: Callable[[Image.Image], None], seconds: float
) -> Iterator[Callable[[Sequence[Image.Image]], None]]:
    """Show pictures in turn, from a thread, until the block ends.

    Args:
        show: Called with one picture at a time.
        seconds: Time between two pictures.

    Yields:
        Replaces the pictures that take turns.
    """
    pictures: list[Image.Image] = []
    ended = threading.Event()

    def turn() -> None:
        place = 0
        while not ended.wait(seconds):
            if now := pictures[:]:
                show(now[place % len(now)])
                place += 1

    def replace(new: Sequence[Image.Image]) -> None:
        pictures[:] = new

    thread = threading.Thread(target=contextvars.copy_context().run, args=(turn,), daemon=True)
    thread.start()
    try:
        yield replace
    finally:
        ended.set()
        thread.join()


def _sample_with_preview(
    sample: Callable[..., Tensor],
    guider: Guider,
    sigmas: Tensor,
    extra_args: dict[str, Any],
    callback: Callable[..., None] | None,
    noise: Tensor,
    *more: object,
    **named: object,
) -> Tensor:
    patcher = guider.model_patcher
    previewer = None
    if noise.shape[0] > 1 and get_executing_context() is not None:
        previewer = latent_preview.get_previewer(patcher.load_device, patcher.model.latent_format)
    if previewer is None:
        return sample(guider, sigmas, extra_args, callback, noise, *more, **named)
    with frames_in_turn(_send, _SECONDS) as replace:

        def on_step(step: int, x0: Tensor, x: Tensor, total: int) -> None:
            if callback is not None:
                callback(step, x0, x, total)
            replace(_pictures(previewer, x0))

        return sample(guider, sigmas, extra_args, on_step, noise, *more, **named)


def _pictures(previewer: latent_preview.LatentPreviewer, latents: Tensor) -> list[Image.Image]:
    count = latents.shape[0]
    shown = min(count, _MOST_FRAMES)
    frames = [index * count // shown for index in range(shown)]
    return [previewer.decode_latent_to_preview(latents[frame : frame + 1]) for frame in frames]


def _send(picture: Image.Image) -> None:
    """Send a preview to the client that queued the run, in the form that its page takes.

    ComfyUI's progress hook would send it too, but it also ends a run that was interrupted, which
    is for the thread that samples to do.
    """
    prompts = server.PromptServer.instance
    preview = ("JPEG", picture, latent_preview.MAX_PREVIEW_RESOLUTION)
    client = prompts.client_id
    takes_metadata = feature_flags.supports_feature(
        prompts.sockets_metadata, client, "supports_preview_metadata"
    )
    if not takes_metadata:
        prompts.send_sync(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, preview, client)
        return
    running, graph = get_executing_context(), get_progress_state().dynprompt
    metadata = {
        "node_id": running.node_id,
        "prompt_id": running.prompt_id,
        "display_node_id": graph.get_display_node_id(running.node_id),
        "parent_node_id": graph.get_parent_node_id(running.node_id),
        "real_node_id": graph.get_real_node_id(running.node_id),
    }
    event = BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA
    prompts.send_sync(event, (preview, metadata), client)
