"""ComfyUI loads this file; everything else is imported when ComfyUI asks for the nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comfy_api.latest import ComfyExtension

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> ComfyExtension:
    """Hand ComfyUI the extension; ComfyUI hides the traceback of an error here, so log it."""
    try:
        from .nodes.extension import MagicPoseExtension
    except Exception:
        import logging

        logging.getLogger("magicpose").exception("MagicPose could not be loaded")
        raise
    return MagicPoseExtension()
