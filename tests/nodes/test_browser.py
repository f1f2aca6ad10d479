"""In headless Chromium: a template loaded from the template browser, queued, previewed, finished.

Left out where there is no Chromium, Node or driver (``browser.py``; run.py fetches the driver). The
photographs of the page lie in MAGICPOSE_PHOTOS, or in the test's own folder.
"""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from .browser import PAGE, find_chromium
from .test_workflows import WIDE, WORKFLOWS, infos, inputs, server  # noqa: F401 - fixtures

SCRIPT = PAGE / "run_template.mjs"
SMALL = ("steps=3", "width=128", "height=128", "size=128", "frames=3")
PATHS = [
    pytest.param(path, marks=[] if path.stem == "demo-dancer" else pytest.mark.thorough)
    for path in WORKFLOWS
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_template_runs_on_the_page(server, inputs, path, tmp_path):  # noqa: F811
    settings = list(SMALL)
    if "CheckpointLoaderSimple" in path.read_text():
        settings.append(f"file={WIDE}")
    photos = os.environ.get("MAGICPOSE_PHOTOS", tmp_path)
    done = subprocess.run(
        ["node", SCRIPT, server.url, path.stem, photos, *settings],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "CHROMIUM": find_chromium()},
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["errors"] == []
    assert seen["end"] == "execution_success", seen
    assert seen["previews"] > 0
