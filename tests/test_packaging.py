"""What a stranger installs and publishes: versions, requirements, metadata."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from magicpose_core import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMES_WITH_COMFYUI = {"comfy", "comfy_api", "comfy_execution", "folder_paths", "latent_preview"} | {
    "aiohttp",
    "nodes",
    "protocol",
    "server",
}
OPTIONAL = {
    "onnxruntime": "the user chooses one of several builds",
    "mediapipe": "lives in an environment of its own",
    "skimage": "only the published SSIM of an evaluation, which no node computes",
}
DISTRIBUTIONS = {"cv2": "opencv-python-headless", "PIL": "pillow"}


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def imports(file: Path) -> list[tuple[int, str, list[str]]]:
    """List (level, module, names) of every import of a file, those in functions too."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", [alias.name for alias in node.names]))
    return found


def reached_from(start: list[Path]) -> set[Path]:
    """Follow relative imports through the pack."""
    reached: set[Path] = set()
    waiting = list(start)
    while waiting:
        file = waiting.pop()
        if file in reached:
            continue
        reached.add(file)
        for level, module, names in imports(file):
            if not level:
                continue
            base = file.parents[level - 1].joinpath(*filter(None, module.split(".")))
            for place in (base, *(base / name for name in names)):
                candidates = (place.with_suffix(".py"), place / "__init__.py")
                waiting += [path for path in candidates if path.is_file()]
    return reached


def test_the_version_is_written_once():
    assert "version" not in PYPROJECT["project"]
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    stated = PYPROJECT["tool"]["comfy"]["version"]["path"]
    assert f'__version__ = "{__version__}"' in (ROOT / stated).read_text(encoding="utf-8")
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)  # what the registry takes


def test_requirements_hold_what_the_nodes_import():
    files = reached_from(sorted((ROOT / "nodes").rglob("*.py")))
    modules = {
        module.split(".")[0] for file in files for level, module, _ in imports(file) if not level
    }
    strangers = modules - set(sys.stdlib_module_names) - COMES_WITH_COMFYUI - set(OPTIONAL)
    needed = {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in strangers}
    assert needed <= {requirement.name for requirement in requirements("requirements.txt")}


def test_requirements_hold_back_no_other_pack():
    for requirement in requirements("requirements.txt"):
        assert {part.operator for part in requirement.specifier} <= {">="}, requirement
        assert requirement.name != "torch" or not requirement.specifier


def test_requirements_ask_for_no_more_than_the_package():
    wanted = {
        requirement.name: requirement
        for requirement in map(
            Requirement,
            PYPROJECT["project"]["dependencies"]
            + PYPROJECT["project"]["optional-dependencies"]["pose"]
            + PYPROJECT["project"]["optional-dependencies"]["dev"],
        )
    }
    for requirement in requirements("requirements.txt"):
        lowest = {part.version for part in requirement.specifier}
        ours = {
            part.version for part in wanted[requirement.name].specifier if part.operator == ">="
        }
        assert not lowest or lowest == ours, requirement


def test_the_notice_gives_the_licence_of_every_dependency():
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    asked_for = [*PYPROJECT["project"]["dependencies"], *(text for each in extras for text in each)]
    names = {Requirement(text).name for text in asked_for} - {"magicpose"}
    told = set(re.findall(r"[\w-]+", (ROOT / "NOTICE").read_text(encoding="utf-8")))
    assert not names - told


@pytest.mark.parametrize("name", ["lowest", "newest"])
def test_tried_versions_lie_within_the_bounds(name):
    tried = {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement in requirements(f"tests/versions/{name}.txt")
    }
    for requirement in map(Requirement, PYPROJECT["project"]["dependencies"]):
        if requirement.name in tried:
            assert requirement.specifier.contains(tried[requirement.name]), requirement
    bounded = {
        requirement.name
        for requirement in map(Requirement, PYPROJECT["project"]["dependencies"])
        if requirement.specifier
    }
    assert bounded <= set(tried)


def test_lowest_versions_are_the_lower_bounds():
    tried = {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement in requirements("tests/versions/lowest.txt")
    }
    for requirement in map(Requirement, PYPROJECT["project"]["dependencies"]):
        lowest = [part.version for part in requirement.specifier if part.operator == ">="]
        assert all(tried[requirement.name].startswith(version) for version in lowest), requirement


def test_the_registry_gets_the_addresses_of_who_publishes():
    spec = importlib.util.spec_from_file_location(
        "registry_urls", ROOT / ".github" / "registry_urls.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.with_urls(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        server="https://github.com",
        repository="someone/ComfyUI-MagicPose",
        commit="abc",
    )
    published = tomllib.loads(text)
    assert (
        published["project"]["urls"]["Repository"] == "https://github.com/someone/ComfyUI-MagicPose"
    )
    assert published["tool"]["comfy"]["Icon"].endswith(
        "/someone/ComfyUI-MagicPose/abc/web/icon.png"
    )
    assert (ROOT / module.ICON).is_file()
    assert published["tool"]["comfy"]["PublisherId"] == PYPROJECT["tool"]["comfy"]["PublisherId"]


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.stem
)
def test_issue_forms_ask_each_thing_once(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.stem == "config":
        assert content == {"blank_issues_enabled": False}
        return
    assert {"name", "description", "body"} <= set(content)
    asked = [part for part in content["body"] if part["type"] != "markdown"]
    assert len({part["id"] for part in asked}) == len(asked)
    assert all(part["attributes"]["label"] for part in asked)


@pytest.mark.skipif(shutil.which("make") is None, reason="this system has no make")
@pytest.mark.parametrize("target", ["demo", "test", "lint", "wheel"])
def test_make_installs_what_it_needs_on_a_fresh_machine(target):
    make = ["make", "--dry-run", "--always-make", "--warn-undefined-variables", target]
    told = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "undefined variable" not in told.stderr
    assert "python -m pip install --quiet" in told.stdout
