"""In headless Chromium: a template loaded from the template browser, queued, previewed, finished.

Left out where there is no Chromium, Node or driver (``browser.py``; run.py fetches the driver). The
photographs of the page lie in MAGICPOSE_PHOTOS, or in the test's own folder.
"""

from __future__ import annotations

import json
import os

import pytest

from .browser import run_script
from .comfyui import PACK, version_of
from .conftest import COMFYUI
from .test_workflows import WIDE, WORKFLOWS, infos, inputs, server  # noqa: F401 - fixtures

SMALL = ("steps=3", "width=128", "height=128", "size=128", "frames=3")
PATHS = [
    pytest.param(path, marks=[] if path.stem == "demo-dancer" else pytest.mark.thorough)
    for path in WORKFLOWS
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_template_runs_on_the_page(server, inputs, path, tmp_path):  # noqa: F811
    settings = list(SMALL)
    if "CheckpointLoaderSimple" in path.read_text(encoding="utf-8"):
        settings.append(f"file={WIDE}")
    seen = in_browser("run_template.mjs", server, path.stem, tmp_path, settings)
    assert seen["errors"] == []
    assert seen["end"] == "execution_success", seen
    assert seen["previews"] > 0


def test_template_is_a_form_that_runs_twice(server, inputs, tmp_path):  # noqa: F811
    """App mode; pages before 1.41.13 ignore its keys and show the graph."""
    if tuple(map(int, version_of(COMFYUI).split("."))) < (0, 27):
        return
    form = json.loads((PACK / "workflows" / "demo-dancer.json").read_text(encoding="utf-8"))
    seen = in_browser("run_app.mjs", server, "demo-dancer", tmp_path, SMALL)
    nodes = {node["id"]: node for node in form["nodes"]}
    for node, widget in form["extra"]["linearData"]["inputs"]:
        (slot,) = (slot for slot in nodes[node]["inputs"] if slot["name"] == widget)
        assert slot["label"] in seen["labels"]
    assert seen["runs"] == ["execution_success"] * 2
    assert seen["videos"] > 0
    assert seen["errors"] == []


def in_browser(script, server, template, tmp_path, settings):  # noqa: F811
    photos = os.environ.get("MAGICPOSE_PHOTOS", tmp_path)
    return run_script(script, server.url, template, photos, *settings)
