"""Entries of long JSON files, one at a time: the same values as json reads at once."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.pose.formats import json_entries
from magicpose_core.pose.formats.json_entries import read_entries, write_entries

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


KEYS = ("frames", "annotations")


def read(text: str) -> tuple[list[object], dict[str, object]]:
    others: dict[str, object] = {}
    return [entry for _, entry in read_entries(io.StringIO(text), KEYS, others)], others


@settings(max_examples=60, deadline=None, derandomize=True)
@given(entries=st.lists(values, max_size=4), indent=st.none() | st.just(1), piece=st.integers(1, 9))
def test_entries_are_those_of_json_however_the_pieces_are_cut(
    entries: list[object], indent: int | None, piece: int
) -> None:
    whole = {"fps": 25, "frames": entries, "made_by": {"a": [1]}}
    before = json_entries._PIECE
    json_entries._PIECE = piece
    try:
        assert read(json.dumps(entries, indent=indent)) == (entries, {})
        found, others = read(json.dumps(whole, indent=indent))
    finally:
        json_entries._PIECE = before
    assert found == entries
    assert others == {"fps": 25, "frames": [], "made_by": {"a": [1]}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[1, 2",
        "[1 2]",
        "[1,]",
        '{"frames": [1}',
        '{"frames" [1]}',
        "{7: 1}",
        "[] []",
        '["a',
    ],
)
def test_what_is_no_list_or_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any: the reader of the file names it
        read(text)


def test_memory_holds_one_entry_however_many_there_are() -> None:
    entry = json.dumps({"people": [{"pose_keypoints_2d": [1.5] * 54}] * 8})
    file = io.StringIO("[" + ", ".join([entry] * 2000) + "]")  # 6 MB
    tracemalloc.start()
    assert sum(1 for _ in read_entries(file, KEYS, {})) == 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_an_overlong_entry_is_refused_before_it_fills_memory(monkeypatch) -> None:
    monkeypatch.setattr(json_entries, "_LONGEST_VALUE", 1 << 17)
    with pytest.raises(ValueError, match="one of its values has more than"):
        read("[[" + "[]," * 100_000 + "[]]]")


def test_lists_are_told_apart_by_their_names() -> None:
    text = '{"annotations": [1], "frames": [2, 3], "images": [4]}'
    others: dict[str, object] = {}
    found = list(read_entries(io.StringIO(text), KEYS, others))
    assert found == [("annotations", 1), ("frames", 2), ("frames", 3)]
    assert others == {"annotations": [], "frames": [], "images": [4]}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(entries=st.lists(values, max_size=4), after=st.none() | st.just({"made_by": {"a": [1]}}))
def test_what_is_written_is_read(entries: list[object], after: dict[str, object] | None) -> None:
    file = io.StringIO()
    write_entries(file, "frames", entries, before={"fps": 25}, after=after)
    assert json.loads(file.getvalue()) == {"fps": 25, "frames": entries, **(after or {})}
