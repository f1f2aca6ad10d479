"""Choices, defaults and ranges of settings stand in their fields and nowhere else."""

from __future__ import annotations

import argparse
import ast
from pathlib import Path

import pytest

from magicpose_core.cli.__main__ import build_parser
from magicpose_core.settings import settings_of

from .test_glossary import ROOT, all_settings

CHOICES = {
    frozenset(described.choices)
    for kind in all_settings()
    for described in settings_of(kind).values()
    if described.choices
}
FIELDS = {field for kind in all_settings() for field in settings_of(kind)}
OWN_DEFAULT = {("bench", "device")}  # where networks run, not where a detector does


@pytest.mark.parametrize(
    "file",
    sorted([*(ROOT / "magicpose_core").rglob("*.py"), *(ROOT / "nodes").rglob("*.py")]),
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_no_list_of_choices_is_typed_again(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    of_literals = {
        id(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set) and id(node) not in of_literals:
            words = [each.value for each in node.elts if isinstance(each, ast.Constant)]
            assert len(words) < len(node.elts) or frozenset(words) not in CHOICES, ast.unparse(node)


def test_options_of_settings_have_no_default_of_their_own() -> None:
    parser = build_parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    checked = 0
    for name, command in commands.choices.items():
        for action in command._actions:
            if action.dest in FIELDS and (name, action.dest) not in OWN_DEFAULT:
                assert command.get_default(action.dest) is None, (name, action.dest)
                checked += 1
    assert checked > 60
