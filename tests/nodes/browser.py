"""Where a Chromium and its driver lie, for the tests of ComfyUI's page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = ("playwright-core@1.65.1", "axe-core@4.14.1")
PAGE = Path(__file__).parent / "page"
DRIVER_FOLDERS = tuple(PAGE / "node_modules" / package.partition("@")[0] for package in PACKAGES)


def find_chromium() -> str | None:
    """Look for the names under which systems install it."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def why_no_browser() -> str | None:
    """Say what the tests of the page lack; None where they can run."""
    if find_chromium() is None:
        return "left out, no Chromium found"
    if shutil.which("node") is None:
        return "left out, no Node found"
    if not all(folder.is_dir() for folder in DRIVER_FOLDERS):
        return f"left out, no {' and '.join(PACKAGES)} beside them (run.py installs them)"
    return None


def run_script(script: str, *arguments: object, seconds: float = 900) -> dict[str, object]:
    """Run a script of the page's folder; returns the JSON line that it prints."""
    done = subprocess.run(
        ["node", PAGE / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, "CHROMIUM": find_chromium()},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
