"""Errors of the core in a user's words: it names its parameters, a node names its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from comfy_api.latest import io

from ..magicpose_core.errors import MagicPoseError, rename_parameters

INPUT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "frame_size": "width and height",
        "guidance_scale": "cfg",
        "pose_controlnet": "control_net",
        "negative_prompt": "negative",
        "name": "detector",
        "rule": "person",
    }
)
"""Parameter of the core -> input; others are called the same (docs/glossary.md)."""


def told_in_inputs(node: type[io.ComfyNode]) -> type[io.ComfyNode]:
    """Give the same node, whose errors name its inputs."""

    def execute(cls: type[io.ComfyNode], *inputs: object, **named: object) -> object:
        try:
            return node.execute.__func__(cls, *inputs, **named)
        except MagicPoseError as error:
            told = rename_parameters(str(error), INPUT_NAMES)
            if told == str(error):
                raise
            raise type(error)(told) from error

    own = {"execute": classmethod(execute), "__doc__": node.__doc__, "__module__": node.__module__}
    return type(node.__name__, (node,), own)
