"""What a library user finds: names, types, no weight on import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import magicpose_core

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "diffusers", "cv2", "transformers", "numpy", "PIL")
SCRIPT = """\
from magicpose_core import DetectorSettings, PoseSettings, SamplingSettings, SamplingStep
from magicpose_core import load_pipeline, read_poses

def show(step: SamplingStep) -> None:
    print(step.done, step.total, step.clean().shape)

pipeline = load_pipeline("magicpose.safetensors", device="cpu", dtype="fp32").to("cpu")
poses = read_poses("dance.json")
settings = SamplingSettings(steps=20, scheduler="euler")
clip = pipeline.render("person.png", poses, size=(512, 768), settings=settings, on_step=show)
detected = PoseSettings(detector=DetectorSettings(name="dwpose"))
other = pipeline.render(["a.png", "b.png"], "dance.mp4", pose_settings=detected, prompt="a dancer")
for frame, picture in zip(clip, clip.pictures()):
    print(frame.shape, picture.size, len(other))
clip.save("clip.mp4", fps=12)
"""


def test_neither_import_nor_dir_loads_anything_heavy():
    code = (
        "import sys, magicpose_core; dir(magicpose_core)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there_and_listed():
    assert sorted(magicpose_core.__all__) == magicpose_core.__all__
    for name in magicpose_core.__all__:
        assert getattr(magicpose_core, name) is not None
        assert name in dir(magicpose_core)


def test_a_name_that_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'render_all'"):
        _ = magicpose_core.render_all


CASES = {
    "right": (("", ""), None),
    "poses": (('read_poses("dance.json")', "read_poses(7)"), "[arg-type]"),
    "prompt": (('prompt="a dancer"', "prompt=7"), 'Argument "prompt"'),
    "size": (("size=(512, 768)", 'size="512x768"'), 'Argument "size"'),
    "scheduler": (('scheduler="euler"', 'scheduler="heun"'), 'Argument "scheduler"'),
    "fps": (("fps=12", 'fps="12"'), 'Argument "fps"'),
}
# Networks of others are no part of this: as Any they are checked in a fraction of the time.
CONFIG = """\
[mypy]
strict = true
follow_imports = silent
[mypy-torch.*,diffusers.*,transformers.*,safetensors.*,av.*,cv2.*,scipy.*,einops.*,tqdm.*]
follow_imports = skip
ignore_missing_imports = true
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What mypy says of each script, in one run."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "mypy.ini").write_text(CONFIG)
    for name, (change, _) in CASES.items():
        (folder / f"{name}.py").write_text(SCRIPT.replace(*change))
    scripts = [f"{name}.py" for name in CASES]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(folder / "cache"), *scripts],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )
    assert run.returncode in (0, 1), run.stderr
    lines = run.stdout.splitlines()
    return {n: [line for line in lines if line.startswith(f"{n}.py")] for n in CASES}


@pytest.mark.parametrize("name", CASES)
def test_a_users_script_is_checked_against_the_types_of_the_package(told, name):
    error = CASES[name][1]
    if error is None:
        assert told[name] == []
    else:
        assert len(told[name]) == 1
        assert error in told[name][0]


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "magicpose_core" / "py.typed").is_file()
