"""No file of core or nodes imports itself by way of others, when loaded or later in a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
Graph = dict[Path, set[Path]]


def file_of(base: Path) -> Path | None:
    """The file of a module, where there is one here."""
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def imported_files(file: Path) -> Iterator[Path]:
    """Every file that a file imports anywhere in its text, but for annotations alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [file_of(base / alias.name) for alias in node.names]
            yield from (path for path in names if path is not None)
            if None in names and (path := file_of(base)) is not None:
                yield path


def reached(graph: Graph, start: Path) -> set[Path]:
    """All files that a file imports, directly or by way of others."""
    seen: set[Path] = set()
    new = set(graph[start])
    while new:
        seen |= new
        new = {other for file in new for other in graph[file]} - seen
    return seen


def in_circles(graph: Graph) -> list[Path]:
    """The files that import themselves by way of others."""
    return [file for file in graph if file in reached(graph, file)]


@pytest.mark.parametrize("folder", ["magicpose_core", "nodes"])
def test_no_file_imports_itself_by_way_of_others(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    graph = {file: set(imported_files(file)) & set(files) for file in files}
    assert sum(map(len, graph.values())) > len(files)  # imports are found at all
    assert [str(file.relative_to(ROOT)) for file in in_circles(graph)] == []


def test_a_circle_is_found_also_where_it_closes_in_a_function(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from .two import b\n")
    (tmp_path / "two.py").write_text("def b():\n    from . import three\n")
    (tmp_path / "three.py").write_text("from .one import a\n")
    files = sorted(tmp_path.glob("*.py"))
    graph = {file: set(imported_files(file)) for file in files}
    assert in_circles(graph) == files
