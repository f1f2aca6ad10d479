"""Which package may import which, and what loading the package may not import."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "magicpose_core"
LEAVES = {"clip_settings", "errors", "files", "images", "settings", "timing", "picture_files"}
# package -> packages of core that it may import
ALLOWED = {
    "pose": {"pose", "video"} | LEAVES,
    "video": {"video"} | LEAVES,
    "sampling": {"sampling"} | LEAVES,
    "models": {"models"} | LEAVES,
    "weights": {"weights", "models"} | LEAVES,
    "data": {"data", "pose", "video"} | LEAVES,
}


def imported_packages(file: Path) -> set[str]:
    """List the first-level packages of core that a file imports."""
    depth = len(file.relative_to(CORE).parts)
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {name.split(".")[0] for name in names}
        elif isinstance(node, ast.ImportFrom) and 0 < node.level < depth:
            found.add(file.relative_to(CORE).parts[0])
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_lies_below_them(package):
    files = list((CORE / package).rglob("*.py"))
    assert files
    for file in files:
        strangers = imported_packages(file) - ALLOWED[package]
        assert not strangers, f"{file.relative_to(ROOT)} imports {sorted(strangers)}"


@pytest.mark.parametrize("file", sorted(CORE.rglob("*.py")), ids=lambda f: str(f.relative_to(CORE)))
def test_core_knows_nothing_of_comfyui(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            assert name.split(".")[0] not in {
                "comfy",
                "comfy_api",
                "folder_paths",
                "nodes",
                "server",
            }


@pytest.mark.parametrize(
    "module",
    ["magicpose_core", "magicpose_core.cli.__main__", "magicpose_core.weights.checkpoint"],
)
def test_light_modules_import_nothing_heavy(module):
    heavy = ("diffusers", "transformers", "onnxruntime", "controlnet_aux", "cv2", "av")
    code = f"import sys, {module}; print([n for n in {heavy} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_settings_import_nothing_heavy():
    modules = [
        f"magicpose_core.{name}"
        for name in (
            "settings",
            "clip_settings",
            "sampling.settings",
            "pose.cleanup.settings",
            "pose.retarget.settings",
            "pose.detectors.settings",
            "pose.draw_style",
            "weights.settings",
        )
    ]
    heavy = ("torch", "numpy", "cv2", "diffusers", "transformers", "PIL")
    code = f"import sys, {', '.join(modules)}; print([n for n in {heavy} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def top_level_imports(file: Path) -> list[tuple[int, str]]:
    """List (level, module) of the imports that run when a file is loaded."""
    found = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
    return found


def test_entry_point_imports_nothing_when_loaded():
    assert top_level_imports(ROOT / "__init__.py") == []


@pytest.mark.parametrize("file", sorted((ROOT / "nodes").glob("*.py")), ids=lambda f: f.name)
def test_nodes_reach_core_relatively_and_nothing_heavy(file):
    heavy = {"diffusers", "transformers", "onnxruntime", "controlnet_aux", "cv2", "magicpose_core"}
    for level, module in top_level_imports(file):
        assert level or module.split(".")[0] not in heavy, module


def test_what_nodes_take_from_core_is_there():
    """ComfyUI's tests run elsewhere; a name that moved in core shows here at once."""
    for file in sorted((ROOT / "nodes").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.ImportFrom) and module.split(".")[0] == "magicpose_core":
                imported = importlib.import_module(module)
                for alias in node.names:
                    if not hasattr(imported, alias.name):
                        importlib.import_module(f"{module}.{alias.name}")
