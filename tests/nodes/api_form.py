"""Each template in API form, as one queues it without the page: ``api/NAME.json``.

The form names what the template keeps in the order of the nodes' widgets, so that it takes a
ComfyUI to make it (``MAGICPOSE_WRITE_API=1``, see test_workflows.py).
"""

from __future__ import annotations

import json
from pathlib import Path

from . import graph
from .comfyui import PACK

FOLDER = PACK / "api"


def api_form(workflow: dict[str, object], infos: graph.Info) -> str:
    """Turn a template into the text of its API form."""
    prompt = graph.to_prompt(workflow, infos)
    titles = {str(node["id"]): node.get("title") for node in workflow["nodes"]}
    for key, call in prompt.items():
        call["_meta"] = {"title": titles[key] or call["class_type"]}
    return json.dumps(prompt, indent=1, ensure_ascii=False) + "\n"


def path_of(workflow: Path) -> Path:
    """Name the file of a template's API form."""
    return FOLDER / workflow.name
