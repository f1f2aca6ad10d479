"""TOML files read into dataclasses: unknown keys and values of another type are refused by name."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar, Union, get_args, get_origin

from ..errors import InputError, one_line
from ..files import regular_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

Config = TypeVar("Config")

_LONGEST_FILE = 1 << 18
_LARGEST_NUMBER = 1 << 64  # a whole number may have thousands of digits
_TOML_TYPES: Mapping[object, tuple[type, ...]] = {
    int: (int,),
    bool: (bool,),
    str: (str,),
    float: (int, float),
    Path: (str,),
}


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file.

    Raises:
        InputError: It is absent, no TOML, or longer than a configuration.
    """
    try:
        return tomllib.loads(_read_short(regular_file(path)))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"no configuration at {path}; check the path") from error
    except RecursionError as error:
        raise InputError(f"{path} is no configuration: its values are too deep") from error
    except ValueError as error:  # no TOML, no UTF-8, a number of 5,000 digits
        raise InputError(f"{path} is no TOML file: {one_line(str(error))}") from error


def _read_short(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_LONGEST_FILE + 1)
    if len(content) > _LONGEST_FILE:
        raise ValueError(f"it has more than {_LONGEST_FILE} bytes")
    return content.decode("utf-8").replace("\r\n", "\n")


def parse(kind: type[Config], content: Mapping[str, object], where: str) -> Config:
    """Build a dataclass from a table.

    Args:
        kind: The dataclass.
        content: The table.
        where: What messages call it.

    Raises:
        InputError: A key is unknown or missing, or a value has another type.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(content) - set(hints))
    if unknown:
        shown = one_line(", ".join(unknown))
        raise InputError(f"{where} has no setting {shown}; it has {', '.join(sorted(hints))}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in content.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise InputError(f"{where} is incomplete: {error}") from error


def _convert(hint: object, value: object, where: str) -> object:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return parse(hint, value, where)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _convert(next(kind for kind in arguments if kind is not type(None)), value, where)
    if origin is tuple and isinstance(value, list):
        if arguments[-1] is Ellipsis:
            arguments = (arguments[0],) * len(value)
        if len(arguments) == len(value):
            pairs = zip(arguments, value, strict=True)
            return tuple(_convert(kind, part, where) for kind, part in pairs)
    elif origin is Literal and value in arguments:
        return value
    elif type(value) in _TOML_TYPES.get(hint, ()):
        return hint(_bounded(value, where))  # type: ignore[operator]
    wanted = f"one of {', '.join(map(str, arguments))}" if origin is Literal else _name(hint)
    raise InputError(f"{where} must be {wanted}, got {one_line(repr(value))}")


def _bounded(value: object, where: str) -> object:
    if isinstance(value, int | float) and not abs(value) < _LARGEST_NUMBER:
        raise InputError(f"{where} must be a number below {_LARGEST_NUMBER:.0e}, got another")
    return value


def _name(hint: object) -> str:
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint)
