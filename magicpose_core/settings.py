"""Settings: frozen dataclasses whose fields say once what they mean, their range and their unit.

The checks, the options of the command line and the inputs of the nodes are made from the fields.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from .errors import InputError

_KEY = "setting"  # of the metadata of a dataclass's field


@dataclass(frozen=True, kw_only=True)
class SettingNotes:
    """What a field says of itself.

    Attributes:
        help: One clause for options and tooltips, without a full stop.
        minimum: Smallest value, None for no limit.
        maximum: Largest value, None for no limit.
        above: The value must be larger than this, None for no such limit.
        unit: ``pixels``, ``s`` ...; empty for pure numbers and words.
        usual: What None stands for, where a model's file says nothing else either.
        aliases: Other spellings of choices, as authors and other packs write them.
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    unit: str = ""
    usual: object = None
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A field of settings, as options and node inputs need it.

    Attributes:
        name: Of the field.
        kind: ``bool``, ``int``, ``float``, ``str``, or another type that no range applies to.
        choices: What its Literal allows; empty for other types.
        optional: Whether None is allowed.
        default: Its value where nobody gives one.
        notes: What the field says of itself.
    """

    name: str
    kind: type
    choices: tuple[str, ...]
    optional: bool
    default: object
    notes: SettingNotes

    @property
    def shown_default(self) -> object:
        """The value that is taken in the end where nobody gives one."""
        return self.notes.usual if self.default is None else self.default


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of all settings: every value is checked against its field when it is made."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: A value is of another type, out of range or no choice; names the field.
        """
        kind: type = type(self)
        for name, described in settings_of(kind).items():
            object.__setattr__(self, name, check_setting(described, getattr(self, name)))


def setting(default: Any, *, help: str, **notes: Any) -> Any:
    """Declare a field of settings; ``notes`` are those of :class:`SettingNotes`."""
    return field(default=default, metadata={_KEY: SettingNotes(help=help, **notes)})


@functools.cache
def settings_of(kind: type) -> Mapping[str, Setting]:
    """Describe the fields of a class of settings that are declared with :func:`setting`."""
    hints = typing.get_type_hints(kind)
    return {
        each.name: _describe(each, hints[each.name])
        for each in dataclasses.fields(kind)
        if _KEY in each.metadata
    }


def check_setting(described: Setting, value: object) -> Any:
    """Check a value of one field, and give it the one spelling.

    Raises:
        InputError: It is of another type, out of range or no choice.
    """
    name, notes = described.name, described.notes
    if value is None and described.optional:
        return value
    if described.choices:
        value = notes.aliases.get(value, value) if isinstance(value, str) else value
        if value not in described.choices:
            known = ", ".join(described.choices)
            raise InputError(f"{name} must be one of {known}, got {value!r}")
    elif described.kind is bool and not isinstance(value, bool):
        raise InputError(f"{name} must be True or False, got {value!r}")
    elif described.kind in (int, float):
        _check_number(described, value)
    return value


def _check_number(described: Setting, value: object) -> None:
    wanted = numbers.Real if described.kind is float else numbers.Integral
    good = isinstance(value, wanted) and math.isfinite(value)
    if good and _in_range(described.notes, typing.cast(float, value)):
        return
    unit = f" {described.notes.unit}" if described.notes.unit else ""
    what = "a whole number" if described.kind is int else "a number"
    limits = range_text(described.notes)
    raise InputError(
        f"{described.name} must be {what}{f' {limits}' if limits else ''}{unit}, got {value!r}"
    )


def _in_range(notes: SettingNotes, value: float) -> bool:
    return not (
        (notes.minimum is not None and value < notes.minimum)
        or (notes.maximum is not None and value > notes.maximum)
        or (notes.above is not None and value <= notes.above)
    )


def range_text(notes: SettingNotes) -> str:
    """Say a range: ``in 0..1``, ``of 1 or more``, ``above 0 and up to 100``; empty without one."""
    low, high = notes.minimum, notes.maximum
    if notes.above is not None:
        return f"above {_plain(notes.above)}" + (
            "" if high is None else f" and up to {_plain(high)}"
        )
    if low is not None and high is not None:
        return f"in {_plain(low)}..{_plain(high)}"
    if low is not None:
        return f"of {_plain(low)} or more"
    return "" if high is None else f"up to {_plain(high)}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def _describe(each: dataclasses.Field[Any], hint: object) -> Setting:
    optional = get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
    if optional:
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    literal = get_origin(hint) is Literal
    kind = str if literal else get_origin(hint) or hint
    assert isinstance(kind, type)
    return Setting(
        name=each.name,
        kind=kind,
        choices=get_args(hint) if literal else (),
        optional=optional,
        default=each.default,
        notes=each.metadata[_KEY],
    )
