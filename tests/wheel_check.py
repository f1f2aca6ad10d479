"""Build the wheel, install it outside the checkout, and use it there as a user would.

    python tests/wheel_check.py

The dependencies are those of the Python that runs this; nothing but the wheel itself is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "magicpose_core/py.typed",
    "magicpose_core/demo/magicpose-dancers.safetensors",
    "magicpose_core/doctor/golden.safetensors",
    "magicpose_core/doctor/micro_keys.txt",
    "magicpose_core/training/configs/stage1.toml",
)
UNWANTED = ("tests/", "nodes/", "workflows/")  # the pack's; as packages they would shadow ComfyUI's


def main() -> None:
    """Raise where something is missing or fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        check_contents(wheel)
        python = install(wheel, folder / "environment")
        use(python, folder)
    sys.stdout.write(f"{wheel.name}: builds, installs and renders outside the checkout\n")


def build(folder: Path) -> Path:
    """Build the wheel from a copy, so that nothing an earlier build left gets into it."""
    source = folder / "source"
    shutil.copytree(
        ROOT / "magicpose_core",
        source / "magicpose_core",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source)
    return next(folder.glob("*.whl"))


def check_contents(wheel: Path) -> None:
    """Check that what is read at run time is in it, and nothing of the pack."""
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in NEEDED if name not in names]
    strangers = [name for name in names if name.startswith(UNWANTED)]
    if missing or strangers:
        raise SystemExit(f"{wheel.name} lacks {missing} and should not hold {strangers[:3]}")


def install(wheel: Path, environment: Path) -> Path:
    """Install the wheel alone into a new environment that borrows this one's dependencies."""
    venv.create(environment, with_pip=False)
    scheme = {"base": str(environment), "platbase": str(environment)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    # a plain path: the editable install that may lie there is not followed
    borrowed = sysconfig.get_path("purelib")
    (site / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    return Path(sysconfig.get_path("scripts", "venv", vars=scheme)) / Path(sys.executable).name


def use(python: Path, folder: Path) -> None:
    """Run what a newcomer runs first, with the demo model, from a folder of their own."""
    here = folder / "somewhere"
    here.mkdir()
    found = run(python, "-c", "import magicpose_core as m; print(m.__file__)", cwd=here).strip()
    if not Path(found).is_relative_to(folder):
        raise SystemExit(f"magicpose_core comes from {found}, expected below {folder}")
    command = (python, "-m", "magicpose_core.cli")
    run(*command, "--version", cwd=here)
    run(*command, "demo", "--frames", 2, "--steps", 2, "--people", 1, "--out", "demo", cwd=here)
    if not (here / "demo" / "clip.mp4").is_file():
        raise SystemExit("magicpose demo wrote no demo/clip.mp4")
    lay_out_what_the_readme_names(here)
    run(python, "-c", readme_lines(), cwd=here)
    if not (here / "clip.mp4").is_file():
        raise SystemExit("the lines of Python in README.md wrote no clip.mp4")


def readme_lines() -> str:
    """Take README's Python as it stands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("```python\n")[2].partition("```")[0]


def lay_out_what_the_readme_names(folder: Path) -> None:
    """Put the demo's model and picture under the names of README, and somebody's two poses."""
    demo = ROOT / "magicpose_core" / "demo" / "magicpose-dancers.safetensors"
    shutil.copy(demo, folder / "magicpose.safetensors")
    note = {"size": [64, 64], "steps": 1, "guidance_scale": 1.0}
    (folder / "magicpose.note.json").write_text(json.dumps(note), encoding="utf-8")
    shutil.copy(folder / "demo" / "inputs" / "person.png", folder)
    frames = [
        {
            "canvas_width": 64,
            "canvas_height": 64,
            "people": [{"pose_keypoints_2d": figure(lean)}],
        }
        for lean in (0, 3)
    ]
    (folder / "dance.json").write_text(json.dumps(frames), encoding="utf-8")


def figure(lean: int) -> list[float]:
    """Lay out OpenPose's 18 points of a standing person, (x, y, score) each, in 64 x 64 pixels."""
    points = [(32 + lean, 10), (32, 18), (26, 18), (23, 26), (22, 34), (38, 18), (41, 26), (42, 34)]
    points += [(28, 36), (28, 47), (28, 58), (36, 36), (36, 47), (36, 58)]
    points += [(31 + lean, 9), (33 + lean, 9), (30 + lean, 10), (34 + lean, 10)]
    return [number for x, y in points for number in (float(x), float(y), 1.0)]


def run(*words: object, cwd: Path | None = None) -> str:
    """Run a command without this checkout on its path; give what it wrote."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
