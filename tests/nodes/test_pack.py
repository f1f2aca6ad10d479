"""How the pack loads, and what the list of nodes, its help and its translations promise."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from . import help_pages
from .comfyui import PACK
from .conftest import COMFYUI

HEAVY = ("diffusers", "transformers", "onnxruntime", "controlnet_aux", "cv2")
LOADING = """
import asyncio, importlib, sys, time
sys.path.insert(0, {comfyui!r})
from comfy.cli_args import args
args.cpu = True
importlib.import_module("utils.extra_config")
import nodes, server
for name in {heavy!r}:
    sys.modules[name] = None  # an import of it fails from here on
start = time.process_time()
assert asyncio.run(nodes.load_custom_node({pack!r}))
seconds = time.process_time() - start
assert "MagicPose_Sample" in nodes.NODE_CLASS_MAPPINGS
sys.stdout.write(f"SECONDS {{seconds}}")
"""


def test_loading_is_quick_and_imports_nothing_heavy():
    assert any(seconds_of_loading() < 0.5 for _ in range(3))  # what else runs slows caches down


def seconds_of_loading():
    script = LOADING.format(comfyui=str(COMFYUI), heavy=HEAVY, pack=str(PACK))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=COMFYUI, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout.rpartition("SECONDS ")[2])


@pytest.fixture(scope="module")
def node_infos(pack):
    import nodes

    pack("nodes.extension")
    ours = {name: cls for name, cls in nodes.NODE_CLASS_MAPPINGS.items() if "MagicPose_" in name}
    assert len(ours) == 20
    return {name: cls.GET_NODE_INFO_V1() for name, cls in ours.items()}


def inputs_of(info):
    return {
        name: entry[1]
        for section in ("required", "optional")
        for name, entry in info["input"].get(section, {}).items()
    }


def test_every_input_and_output_says_what_it_is(node_infos):
    for name, info in node_infos.items():
        assert info["category"].split("/")[0] == "MagicPose", name
        assert len(info["description"]) > 20, name
        for input_name, options in inputs_of(info).items():
            assert len(options.get("tooltip", "")) > 10, (name, input_name)
        assert all(info["output_tooltips"] or []), (name, info["output_tooltips"])


def test_chinese_locale_covers_every_node(node_infos):
    locale = json.loads((PACK / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
    assert set(locale) == set(node_infos)
    for name, info in node_infos.items():
        assert set(locale[name]["inputs"]) == set(inputs_of(info)), name
        assert len(locale[name]["outputs"]) == len(info["output"]), name


def test_help_pages_list_what_the_nodes_have(node_infos):
    """MAGICPOSE_WRITE_HELP=1 writes the lists anew."""
    locale = json.loads((PACK / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
    folder = PACK / "web" / "docs"
    assert {path.stem for path in folder.glob("*.md")} == set(node_infos)
    for name, info in node_infos.items():
        pages = {
            folder / f"{name}.md": (None, help_pages.ENGLISH),
            folder / name / "zh.md": (locale[name], help_pages.CHINESE),
        }
        for path, (texts, language) in pages.items():
            fresh = help_pages.fresh_page(path, info, texts, language)
            if os.environ.get("MAGICPOSE_WRITE_HELP"):
                path.write_text(fresh, encoding="utf-8")
            assert path.read_text(encoding="utf-8") == fresh, path


def test_models_of_extra_paths_are_found_and_listed(pack, comfyui, tmp_path):
    import folder_paths

    files = pack("nodes.model_files")
    folder_paths.add_model_folder_path(files.FOLDER, str(tmp_path))
    (tmp_path / "mine.th").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    files.register_model_folder()
    assert "mine.th" in files.model_names()
    assert "notes.txt" not in files.model_names()
    assert files.model_path("mine.th") == tmp_path / "mine.th"
    assert folder_paths.get_folder_paths(files.FOLDER).count(str(tmp_path)) == 1


def test_the_folder_of_models_is_there_after_installation(pack, comfyui):
    assert (comfyui / "models" / pack("nodes.model_files").FOLDER).is_dir()


def test_the_demos_motion_module_is_offered_as_a_module_and_not_as_a_model(pack):
    files = pack("nodes.model_files")
    module = "magicpose-motion-dancers.safetensors"
    assert module not in files.model_names()
    assert set(files.motion_names()) == {*files.model_names(), module}
    assert files.model_path(module).is_file()


def test_a_folder_that_vanishes_takes_its_files_and_nothing_else(pack, tmp_path):
    import folder_paths

    files = pack("nodes.model_files")
    gone = tmp_path / "gone"
    gone.mkdir()
    folder_paths.add_model_folder_path(files.FOLDER, str(gone))
    (gone / "vanishing.th").write_bytes(b"")
    assert "vanishing.th" in files.model_names()
    shutil.rmtree(gone)
    assert "vanishing.th" not in files.model_names()
    assert "magicpose-dancers.safetensors" in files.model_names()
    with pytest.raises(ValueError, match=r"vanishing\.th is in none of"):
        files.model_path("vanishing.th")
