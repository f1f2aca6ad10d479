"""The list of nodes that ComfyUI is given."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io


class MagicPoseExtension(ComfyExtension):
    """All nodes of the pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return []
