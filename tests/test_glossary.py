"""Every settings field, option and node input bears the name that docs/glossary.md gives it."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from magicpose_core.cli.__main__ import build_parser
from magicpose_core.settings import Settings, settings_of

ROOT = Path(__file__).parent.parent
CORE = ROOT / "magicpose_core"
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
CHINESE = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Row:
    core: frozenset[str]
    options: frozenset[str]
    inputs: frozenset[str]
    chinese: frozenset[str]


def table(heading: str) -> Iterator[list[str]]:
    section = GLOSSARY.split(f"## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and not line.startswith("| ---"):
            yield cells


def words(cell: str) -> frozenset[str]:
    return frozenset(
        word.removeprefix("--").replace("-", "_") for word in re.findall("`(.*?)`", cell)
    )


def names(cell: str) -> frozenset[str]:
    return frozenset(name.strip() for name in cell.strip(" |").split(","))


ROWS = [
    Row(words(core), words(options), words(inputs), names(chinese))
    for _, core, options, inputs, chinese in list(table("Concepts"))[1:]
]
OF_ONE_NODE = [
    (words(inputs), names(chinese))
    for inputs, chinese in list(table("Words of one command or node"))[1:]
]
OF_ONE_COMMAND = words(GLOSSARY.split("## Words of one command or node")[1].split("\n| ")[0])


def all_settings() -> list[type]:
    for path in [*CORE.rglob("*settings.py"), CORE / "pose" / "draw_style.py"]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        importlib.import_module(".".join(parts))
    found, new = [], [Settings]
    while new:
        new = [kind for parent in new for kind in parent.__subclasses__()]
        found += [kind for kind in new if kind.__module__.startswith("magicpose_core.")]
    return found


def node_classes() -> Iterator[ast.ClassDef]:
    for path in sorted((ROOT / "nodes").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and "io.ComfyNode" in map(ast.unparse, node.bases):
                yield node


def setting_inputs() -> Iterator[tuple[str, str]]:
    """(field, name of the input) of every input that is made from a settings field."""
    for path in sorted((ROOT / "nodes").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "setting_input":
                field = ast.literal_eval(call.args[1])
                given = {each.arg: each.value for each in call.keywords}
                yield field, ast.literal_eval(given["name"]) if "name" in given else field


@pytest.mark.parametrize("kind", all_settings(), ids=lambda kind: kind.__name__)
def test_every_field_of_settings_is_in_the_glossary(kind):
    known = {name for row in ROWS for name in row.core} | OF_ONE_COMMAND
    assert set(settings_of(kind)) <= known


def test_every_option_is_in_the_glossary():
    known = {name for row in ROWS for name in row.options | row.core} | OF_ONE_COMMAND
    parser = build_parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        own = {action.dest for action in command._actions} - {"help", "debug"}
        assert own <= known, f"{name}: {sorted(own - known)}"


def test_an_option_of_a_field_stands_in_the_fields_row():
    from magicpose_core.cli import align_options, options, pose_options
    from magicpose_core.pose.cleanup.settings import SmoothSettings
    from magicpose_core.pose.detectors.settings import DetectorSettings
    from magicpose_core.pose.retarget.settings import AlignSettings
    from magicpose_core.weights.settings import ModelFiles

    renamed = {
        AlignSettings: align_options._NAMES,
        DetectorSettings: pose_options._DETECTOR,
        ModelFiles: options._FILES,
        SmoothSettings: pose_options._SMOOTH,
    }
    for kind in all_settings():
        if kind.__name__ in ("PersonChoice", "LoraFile"):  # one option says both
            continue
        for field in settings_of(kind):
            option = renamed.get(kind, {}).get(field, field)
            if field in OF_ONE_COMMAND and option == field:
                continue
            assert any(field in row.core and option in row.options for row in ROWS), option


def test_every_input_of_a_node_is_in_the_glossary_with_its_chinese():
    chinese_of = [(row.inputs, row.chinese) for row in ROWS] + OF_ONE_NODE
    for node, said in CHINESE.items():
        for name, texts in said["inputs"].items():
            rows = [chinese for inputs, chinese in chinese_of if name in inputs]
            assert rows, f"{node}: {name}"
            assert any(texts["name"] in chinese for chinese in rows), f"{node}: {name}"


def test_an_input_of_a_field_stands_in_the_fields_row():
    pairs = list(setting_inputs())
    assert len(pairs) > 15
    for field, name in pairs:
        assert any(field in row.core and name in row.inputs for row in ROWS), (field, name)


def test_execute_takes_the_inputs_under_their_names():
    """The locale lists what the nodes have (tests/nodes); here the arguments are held to it."""
    for node in node_classes():
        (execute,) = (f for f in node.body if getattr(f, "name", "") == "execute")
        taken = {argument.arg for argument in execute.args.args} - {"cls"}
        (node_id,) = re.findall(r"node_id\('(\w+)'\)", ast.unparse(node))
        assert taken == set(CHINESE[f"MagicPose_{node_id}"]["inputs"]), node_id


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(CORE.rglob("*.py")) if "cli" not in path.relative_to(CORE).parts],
    ids=lambda path: str(path.relative_to(CORE)),
)
def test_no_message_of_core_speaks_of_options(path):
    """Other programs' options, in commands to copy, are meant to be there."""
    for message in messages(ast.parse(path.read_text(encoding="utf-8"))):
        if "pip install" not in message and "torchrun" not in message:
            assert not re.search(r"(?<![\w-])--[a-z]", message), message


def messages(tree: ast.AST) -> Iterator[str]:
    """The texts of what is raised or logged."""
    for node in ast.walk(tree):
        logs = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node, ast.Raise) or (
            logs and node.func.attr in ("debug", "info", "warning", "error")
        ):
            yield " ".join(
                part.value
                for part in ast.walk(node)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )
