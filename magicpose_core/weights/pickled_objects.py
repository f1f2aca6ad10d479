"""What the calls in a PyTorch pickle would make: tensors, dictionaries, other objects.

Nothing is called and nothing imported: a call is looked up by its name here. Those that make
tensors give a :class:`StoredTensor`; every other object (optimisers, hyper-parameters, callbacks)
becomes an inert :class:`Items`, whatever its class.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

_MOST_SIDES = 64  # torch's own limit
_MOST_WRAPPINGS = 8


class CallsCodeError(Exception):
    """The pickle calls into Python's standard library; the text is the name it calls."""


@dataclass(frozen=True)
class Storage:
    """Where numbers lie: the storage's key in the file, their dtype and how many there are."""

    key: str
    dtype: torch.dtype
    count: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the pickle describes it; offset and strides count numbers, as torch's do."""

    storage: Storage
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class OddTensor:
    """A tensor that is not dense; ``kind`` says what it is."""

    kind: str


@dataclass(frozen=True)
class Name:
    """A class or function, by its path."""

    path: str


class Items:
    """A dictionary or any object: its class, and what it holds under strings and other keys."""

    __slots__ = ("named", "path", "unnamed")

    def __init__(self, path: str = "dict") -> None:
        self.path = path
        self.named: dict[str, object] = {}
        self.unnamed: object = None  # the last value under a key that is no string

    def put(self, key: object, value: object) -> None:
        """Keep a value. Only strings are hashed: their hashes cannot be made to collide."""
        if isinstance(key, str):
            self.named[key] = value
        else:
            self.unnamed = value


def name(module: object, attribute: object) -> Name:
    """Name a class or function, by Python 3's names.

    Raises:
        ValueError: It can be no name.
    """
    if not isinstance(module, str) or not isinstance(attribute, str):
        raise ValueError("its pickle names a class by what is no text")
    if len(module) + len(attribute) > 500:
        raise ValueError("its pickle has a name of more than 500 characters")
    return Name(f"{_PYTHON_3_NAMES.get(module, module)}.{attribute}")


def call(function: object, arguments: object) -> object:
    """Find out what a call would make.

    Raises:
        CallsCodeError: It goes into Python's standard library. Nothing would run here, but its
            user should know what the file was made for.
        TypeError, ValueError: The arguments are not those of the function.
    """
    path = function.path if isinstance(function, Name) else "an object"
    values = arguments if isinstance(arguments, tuple) else ()
    for _ in range(_MOST_WRAPPINGS):
        if path != "torch._tensor._rebuild_from_type_v2":
            break
        function, _, values, *_ = values  # what makes it, its class, the arguments, attributes
        path = function.path if isinstance(function, Name) else "an object"
    if path in _MAKERS:
        return _MAKERS[path](*values)
    if path in _ODD_TENSORS:
        return OddTensor(_ODD_TENSORS[path])
    if not _is_plain(path):
        raise CallsCodeError(path)
    return Items(path)


def find_storage(reference: object) -> Storage | Items:
    """Read what a pickle says of a storage: ("storage", type, key, device, count, view).

    Whatever its device was, its numbers lie in the file, and are read onto the CPU.

    Raises:
        TypeError, ValueError: It is no such reference.
    """
    if not isinstance(reference, tuple) or reference[:1] != ("storage",):
        return Items("something outside the file")
    _, kind, key, _, count, *view = reference
    if not isinstance(kind, Name) or not isinstance(key, str) or not _is_size(count):
        raise TypeError("no storage")
    if any(part is not None for part in view):
        raise ValueError("it holds views of storages, as only PyTorch before 0.4 wrote them")
    short = kind.path.replace("torch.cuda.", "torch.")
    if short not in STORAGES:
        raise ValueError(f"it holds a storage of the type {kind.path}")
    return Storage(key, STORAGES[short], count)


def _is_plain(path: str) -> bool:
    module, _, attribute = path.rpartition(".")
    root = module.partition(".")[0]
    if root == "builtins":
        return attribute in _PLAIN_BUILTINS
    return root not in sys.stdlib_module_names or root in _PLAIN_MODULES


def _is_size(number: object) -> bool:
    return type(number) is int and 0 <= number < 1 << 60


def _make_tensor(
    storage: object,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *rest: object,
    dtype: torch.dtype | None = None,
) -> StoredTensor | OddTensor:
    """``torch._utils._rebuild_tensor_v2``: the rest is requires_grad, hooks, flags."""
    if len(rest) > 2 and isinstance(rest[2], Items) and rest[2].named:
        return OddTensor("a lazily conjugated or negated tensor")
    if not isinstance(storage, Storage) or type(shape) is not tuple or type(stride) is not tuple:
        raise TypeError("no tensor")
    if len(shape) > _MOST_SIDES or len(shape) != len(stride):
        raise ValueError(f"it holds a tensor of {len(shape)} sides and {len(stride)} strides")
    if not all(map(_is_size, (offset, *shape, *stride))):
        raise ValueError("it holds a tensor with sides that are none")
    return StoredTensor(storage, dtype or storage.dtype, offset, shape, stride)


def _make_tensor_of_dtype(
    storage: object,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: object,
    hooks: object,
    dtype: Name,
    *flags: object,
) -> StoredTensor | OddTensor:
    """``torch._utils._rebuild_tensor_v3``, whose storage has bytes only."""
    kind = getattr(torch, dtype.path.removeprefix("torch."), None)
    if not isinstance(kind, torch.dtype):
        raise ValueError(f"it holds a tensor in {dtype.path}")
    return _make_tensor(storage, offset, shape, stride, requires_grad, hooks, *flags, dtype=kind)


def _make_dictionary(pairs: object = None, *_: object) -> Items:
    if isinstance(pairs, Items):
        return pairs
    made = Items()
    if isinstance(pairs, list):  # as Python 2 wrote them
        for key, value in pairs:
            made.put(key, value)
        pairs.clear()  # each pair is moved once, however often the list is used
    return made


STORAGES: Mapping[str, torch.dtype] = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.ComplexFloatStorage": torch.complex64,
    "torch.ComplexDoubleStorage": torch.complex128,
    "torch.QInt8Storage": torch.qint8,
    "torch.QUInt8Storage": torch.quint8,
    "torch.QInt32Storage": torch.qint32,
    "torch.storage.UntypedStorage": torch.uint8,
}
"""Type of a storage -> what its count counts."""

_PYTHON_3_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_MAKERS: Mapping[str, Callable[..., object]] = {
    "torch._utils._rebuild_tensor": _make_tensor,
    "torch._utils._rebuild_tensor_v2": _make_tensor,
    "torch._utils._rebuild_tensor_v3": _make_tensor_of_dtype,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": lambda tensor, *_: tensor,
    "torch.nn.parameter.Parameter": lambda tensor=None, *_: tensor,
    "torch.Size": lambda sides=(), *_: sides,
    "collections.OrderedDict": _make_dictionary,
    "collections.defaultdict": lambda *_: Items(),
    "builtins.dict": _make_dictionary,
}
_ODD_TENSORS: Mapping[str, str] = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without values (meta)",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor inside a NumPy array",
}
# What ordinary objects of a training run are made with.
# fmt: off
_PLAIN_BUILTINS = {
    "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "getattr", "int",
    "list", "object", "range", "set", "slice", "str", "tuple",
}
_PLAIN_MODULES = {
    "_codecs", "abc", "argparse", "array", "collections", "copyreg", "dataclasses", "datetime",
    "decimal", "enum", "fractions", "functools", "ipaddress", "itertools", "logging", "numbers",
    "operator", "pathlib", "random", "re", "string", "types", "typing", "uuid", "zoneinfo",
}
# fmt: on
