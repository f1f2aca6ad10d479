"""Read and write a long JSON file entry by entry: memory holds one, however many there are."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import IO

_PIECE = 1 << 16  # characters
_LONGEST_VALUE = 1 << 25  # characters; as Python's objects they can take 25 times as many bytes
_SPACE = " \t\n\r"
_BEHIND_VALUES = frozenset(",:]}" + _SPACE)


def read_entries(
    file: IO[str], keys: Collection[str], others: dict[str, object]
) -> Iterator[tuple[str, object]]:
    """Yield the entries of the list at the top of a file, or of those under ``keys`` there.

    Args:
        file: Open JSON text.
        keys: Names of long lists where an object stands at the top.
        others: Filled with all other entries of that object, and with [] for those lists;
            complete when the iterator ends.

    Yields:
        The name of the list, "" at the top, and the entry.

    Raises:
        ValueError: The file is no JSON, neither a list nor an object, or an entry is overlong.
    """
    text = _Text(file)
    if text.takes("["):
        yield from (("", entry) for entry in _listed(text))
    elif text.takes("{"):
        yield from _named(text, keys, others)
    else:
        raise ValueError("neither a list nor an object stands at the top")
    if text.next():
        raise ValueError("more text stands behind the end")


def write_entries(
    file: IO[str],
    key: str,
    entries: Iterable[object],
    *,
    before: Mapping[str, object],
    after: Mapping[str, object] | None = None,
) -> None:
    """Write a JSON object with a long list under ``key``: as one value it would fill memory.

    Args:
        file: Where to.
        key: The list's name.
        entries: What it lists.
        before: Other entries of the object, one at least, which stand in front of the list.
        after: Those behind it.
    """
    file.write(json.dumps(dict(before))[:-1] + f", {json.dumps(key)}: [")
    for index, entry in enumerate(entries):
        file.write((", " if index else "") + json.dumps(entry))
    file.write("]")
    for name, value in (after or {}).items():
        file.write(f", {json.dumps(name)}: {json.dumps(value)}")
    file.write("}")


def _named(
    text: _Text, keys: Collection[str], others: dict[str, object]
) -> Iterator[tuple[str, object]]:
    while not text.takes("}"):
        name = text.value()
        if not isinstance(name, str):
            raise ValueError(f"expected a name in quotation marks, got {str(name)[:40]!r}")
        text.expect(":")
        if name in keys and text.takes("["):
            others[name] = []  # there was one
            for entry in _listed(text):
                yield name, entry
        else:
            others[name] = text.value()
        if not text.takes(","):
            text.expect("}")
            return


def _listed(text: _Text) -> Iterator[object]:
    if text.takes("]"):
        return
    yield text.value()
    while text.takes(","):
        yield text.value()
    text.expect("]")


class _Text:
    """What is left of a JSON text; a class because it is read from as it shrinks."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._piece, self._place, self._ended = "", 0, False

    def next(self) -> str:
        """Return the next character that is no space, nothing at the end."""
        while True:
            while self._place < len(self._piece):
                if self._piece[self._place] not in _SPACE:
                    return self._piece[self._place]
                self._place += 1
            if self._ended:
                return ""
            self._read_on()

    def takes(self, character: str) -> bool:
        """Go past the next character if it is this one."""
        if self.next() != character:
            return False
        self._place += 1
        return True

    def expect(self, character: str) -> None:
        if not self.takes(character):
            raise ValueError(f"expected {character!r}, got {self.next() or 'the end'!r}")

    def value(self) -> object:
        """Read a whole value."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._piece, self._place)
            except ValueError as error:
                if self._ended:
                    raise ValueError(getattr(error, "msg", str(error))) from error
            else:
                # a number at the end of a piece may go on in the next one, behind its point even
                if self._ended or self._piece[end : end + 1] in _BEHIND_VALUES:
                    self._place = end
                    return value
            self._read_on()

    def _read_on(self) -> None:
        left = self._piece[self._place :]
        if len(left) > _LONGEST_VALUE:
            raise ValueError(f"one of its values has more than {_LONGEST_VALUE} characters")
        more = self._file.read(max(_PIECE, len(left)))
        self._piece, self._place, self._ended = left + more, 0, not more


def _compact(entries: dict[str, object]) -> dict[str, object]:
    """Keep long lists of plain numbers as arrays: a fourth of the memory."""
    for name, value in entries.items():
        if isinstance(value, list) and len(value) >= _LONG and type(value[0]) in (int, float):
            try:
                entries[name] = array("d", value)
            except (TypeError, OverflowError):
                continue  # whoever reads it says what is wrong
    return entries


_LONG = 9
_DECODER = json.JSONDecoder(object_hook=_compact)
