"""Run the tests of the nodes with ComfyUI's own Python, where there is a ComfyUI.

    python tests/nodes/run.py [arguments of pytest]

Without a ComfyUI it says so and succeeds. With one, a skipped test is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from comfyui import PACK, find_comfyui, python_of

comfyui = find_comfyui()
if comfyui is None:
    sys.stdout.write(
        "tests/nodes: skipped, no ComfyUI found; set COMFYUI_DIR, or install it with comfy-cli\n"
    )
    sys.exit(0)
tests = [] if any(Path(argument).exists() for argument in sys.argv[1:]) else [Path(__file__).parent]
sys.exit(
    subprocess.run(
        [python_of(comfyui), "-m", "pytest", *tests, *sys.argv[1:]],
        cwd=PACK,
        env={"OMP_NUM_THREADS": "1", **os.environ, "MAGICPOSE_NO_SKIPS": "1"},
        check=False,
    ).returncode
)
