"""The page of web/page as files: words in both languages, parts that exist, nothing that ComfyUI's
graph editor would import. That it works is tested in a browser (tests/nodes/test_page.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parent.parent / "web"
PAGE = WEB / "page"
MODULES = sorted(PAGE.glob("*.mjs"))
HTML = (PAGE / "index.html").read_text(encoding="utf-8")


def words(name: str) -> dict[str, str]:
    text = (PAGE / f"words_{name}.mjs").read_text(encoding="utf-8")
    return dict(re.findall(r'^  (\w+):\s+"(.*)",$', text, re.MULTILINE))


def test_both_languages_have_the_same_words_with_the_same_values():
    english, chinese = words("en"), words("zh")
    assert len(english) > 80
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        places = [sorted(re.findall(r"\{\w+\}", said)) for said in (text, chinese[key])]
        assert places[0] == places[1], key


def test_every_word_that_is_asked_for_is_there():
    source = "\n".join(path.read_text(encoding="utf-8") for path in MODULES)
    asked = set(re.findall(r'data-say(?:-label)?="(\w+)"', HTML))
    asked |= set(re.findall(r'\b(?:say|put)\((?:[^()"]|\([^()]*\))*"([a-z_]+)"', source))
    asked |= set(re.findall(r'new Fault\("(\w+)"', source))
    assert len(asked) > 60
    assert asked <= words("en").keys() | {"status"}


def test_every_part_that_a_module_looks_for_is_on_the_page():
    ids = set(re.findall(r'\bid="([\w-]+)"', HTML))
    for path in MODULES:
        for name in re.findall(r'find\("#([\w-]+)', path.read_text(encoding="utf-8")):
            assert name in ids, (path.name, name)


def test_the_graph_editor_imports_nothing_of_it():
    assert not list(WEB.rglob("*.js"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_text_is_never_read_as_html(path):
    text = path.read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_is_one_short_idea_and_says_which(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= 250
    assert max(map(len, lines)) <= 100 or path.name.startswith("words_")


def test_everything_comes_from_the_server_itself():
    for path in [*MODULES, PAGE / "index.html", PAGE / "page.css"]:
        for address in re.findall(r"https?://\S+", path.read_text(encoding="utf-8")):
            assert address.startswith("https://www.w3.org/"), (path.name, address)
    assert "default-src 'none'" in HTML
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", HTML)
