"""Read a pickle as text: find out what it would build, without building it.

A pickle is a program for a stack machine. ``pickletools`` of the standard library spells out its
operations; the machine here follows them over plain values and the inert ones of
``pickled_objects``. No name is imported and no call made, so that there is nothing it could run.

Reading in a child process was weighed and left out. It would hold back code that runs, crashes and
memory that grows: the first two cannot happen here, the third is bounded by the pickle's size and
number of operations. It would cost seconds a file for importing torch anew where a process is
spawned, and a fork is not safe beside ComfyUI's threads and CUDA's.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .pickled_objects import Items, Storage, call, find_storage, name

MOST_OPERATIONS = 1_000_000  # a model with Adam's two moments of each weight takes about 300,000


@dataclass
class Pickled:
    """What a pickle holds, and the storages that it refers to, by key."""

    value: object = None
    storages: dict[str, Storage] = field(default_factory=dict)


def read_pickle(stream: io.BytesIO) -> Pickled:
    """Read one pickle, of any protocol, and leave the stream behind it.

    Raises:
        CallsCodeError: It calls into Python's standard library.
        ValueError: It is damaged, or larger than any model's.
    """
    machine = _Machine()
    try:
        for count, (code, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MOST_OPERATIONS:
                raise ValueError(f"its pickle has more than {MOST_OPERATIONS:,} operations")
            if code.name == "STOP":
                return Pickled(machine.stack[-1], machine.storages)
            if code.name in _LITERALS:
                machine.stack.append(argument)
            elif code.name in _OPERATIONS:
                _OPERATIONS[code.name](machine, argument)
            else:
                raise ValueError(f"its pickle uses {code.name}, which no weight file needs")
    except (IndexError, TypeError, AttributeError) as error:
        raise ValueError("its pickle makes no sense") from error
    raise ValueError("its pickle has no end")


class _Machine:
    """The stack, marks and memo of a pickle that is being read."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def fold(self, count: int, make: Callable[..., object]) -> None:
        """Replace the topmost ``count`` values by what is made of them."""
        values = [self.stack.pop() for _ in range(count)]
        self.stack.append(make(*reversed(values)))

    def remember(self, index: int) -> None:
        if index > MOST_OPERATIONS:  # nobody counts that far; also keeps the hashes apart
            raise ValueError("its pickle's memo is numbered beyond its operations")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError("its pickle refers to what it did not remember")
        self.stack.append(self.memo[index])

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Items):  # sets and queues are objects here
            raise TypeError("no list")

    def set_items(self, values: list[Any]) -> None:
        target: Items = self.stack[-1]
        for index in range(0, len(values), 2):
            target.put(values[index], values[index + 1])

    def refer(self, reference: object) -> None:
        storage = find_storage(reference)
        if isinstance(storage, Storage):
            known = self.storages.setdefault(storage.key, storage)
            if known != storage:
                raise ValueError("its pickle says two things of one storage")
        self.stack.append(storage)


def _dictionary(values: list[Any]) -> Items:
    made = Items()
    for index in range(0, len(values), 2):
        made.put(values[index], values[index + 1])
    return made


def _set(_: list[Any]) -> Items:
    return Items("set")


def _tuple(*values: object) -> tuple[object, ...]:
    return values


def _construct(kind: object, *values: object) -> object:
    return call(kind, values)


# fmt: off
_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}
# fmt: on
_OPERATIONS: Mapping[str, Callable[[_Machine, Any], object]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push(Items()),
    "EMPTY_SET": lambda machine, _: machine.push(Items("set")),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": lambda machine, _: machine.pop(),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.fold(1, _tuple),
    "TUPLE2": lambda machine, _: machine.fold(2, _tuple),
    "TUPLE3": lambda machine, _: machine.fold(3, _tuple),
    "LIST": lambda machine, _: machine.push(machine.pop_to_mark()),
    "DICT": lambda machine, _: machine.push(_dictionary(machine.pop_to_mark())),
    "FROZENSET": lambda machine, _: machine.push(_set(machine.pop_to_mark())),
    "APPEND": lambda machine, _: machine.extend([machine.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "PUT": lambda machine, index: machine.remember(index),
    "BINPUT": lambda machine, index: machine.remember(index),
    "LONG_BINPUT": lambda machine, index: machine.remember(index),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "GET": lambda machine, index: machine.recall(index),
    "BINGET": lambda machine, index: machine.recall(index),
    "LONG_BINGET": lambda machine, index: machine.recall(index),
    "GLOBAL": lambda machine, path: machine.push(name(*path.split(" ", 1))),
    "STACK_GLOBAL": lambda machine, _: machine.fold(2, name),
    "REDUCE": lambda machine, _: machine.fold(2, call),
    "NEWOBJ": lambda machine, _: machine.fold(2, call),
    "NEWOBJ_EX": lambda machine, _: machine.fold(3, lambda kind, values, _: call(kind, values)),
    "INST": lambda machine, path: machine.push(
        call(name(*path.split(" ", 1)), tuple(machine.pop_to_mark()))
    ),
    "OBJ": lambda machine, _: machine.push(_construct(*machine.pop_to_mark())),
    "BUILD": lambda machine, _: machine.pop(),  # attributes: weights are items
    "PERSID": lambda machine, reference: machine.refer(reference),
    "BINPERSID": lambda machine, _: machine.refer(machine.pop()),
}
