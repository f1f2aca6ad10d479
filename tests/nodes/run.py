"""Run the tests of the nodes with ComfyUI's own Python, where there is a ComfyUI.

    python tests/nodes/run.py [arguments of pytest]

Without a ComfyUI it says so and succeeds. With one, a skipped test is a failure. Where there are a
Chromium and npm too, the tests of the page run; they fetch the driver once, beside their script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from browser import DRIVER, DRIVER_FOLDER, find_chromium
from comfyui import PACK, find_comfyui, python_of


def fetch_driver() -> None:
    """Install the browser's driver where it lacks; without it the page's tests are left out."""
    if find_chromium() is None or shutil.which("npm") is None or DRIVER_FOLDER.is_dir():
        return
    flags = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel", "error")
    command = ["npm", "install", *flags, "--prefix", str(DRIVER_FOLDER.parents[1]), DRIVER]
    if subprocess.run(command, check=False).returncode:
        sys.stdout.write(f"tests/nodes: {DRIVER} could not be installed\n")


comfyui = find_comfyui()
if comfyui is None:
    sys.stdout.write(
        "tests/nodes: skipped, no ComfyUI found; set COMFYUI_DIR, or install it with comfy-cli\n"
    )
    sys.exit(0)
fetch_driver()
tests = [] if any(Path(argument).exists() for argument in sys.argv[1:]) else [Path(__file__).parent]
sys.exit(
    subprocess.run(
        [python_of(comfyui), "-m", "pytest", *tests, *sys.argv[1:]],
        cwd=PACK,
        env={"OMP_NUM_THREADS": "1", **os.environ, "MAGICPOSE_NO_SKIPS": "1"},
        check=False,
    ).returncode
)
