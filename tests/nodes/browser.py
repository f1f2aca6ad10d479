"""Where a Chromium and its driver lie, for the tests of ComfyUI's page."""

from __future__ import annotations

import shutil
from pathlib import Path

DRIVER = "playwright-core@1.65.1"
PAGE = Path(__file__).parent / "page"
DRIVER_FOLDER = PAGE / "node_modules" / "playwright-core"


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
    if not DRIVER_FOLDER.is_dir():
        return f"left out, no {DRIVER} beside them (run.py installs it)"
    return None
