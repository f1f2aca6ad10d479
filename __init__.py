"""ComfyUI loads this file; everything else is imported when ComfyUI asks for the nodes."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> object:
    """Hand ComfyUI the extension; ComfyUI hides the traceback of an error here, so log it."""
    try:
        from .nodes.extension import MagicPoseExtension
    except Exception:
        import logging

        logging.getLogger("magicpose").exception("MagicPose could not be loaded")
        raise
    return MagicPoseExtension()
