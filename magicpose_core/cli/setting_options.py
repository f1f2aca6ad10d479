"""Options made from the fields of settings, and parameters' names told as options.

A field is the option of its name: ``guidance_scale`` is ``--guidance-scale``. Where a command needs
another name, a mapping from field to name says so. What is not given is None, so that the settings
themselves have the only defaults, and options that would do nothing can be refused.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from ..errors import InputError, rename_parameters
from ..settings import Setting, range_text, settings_of

Kind = TypeVar("Kind")
Names = Mapping[str, str]  # field -> name of its option in the command's namespace
Group = argparse.ArgumentParser | argparse._ArgumentGroup

SAME: Names = MappingProxyType({})


def add_settings(
    group: Group,
    kind: type,
    *,
    names: Names = SAME,
    leave_out: Collection[str] = (),
    only: Collection[str] = (),
    defaults: Mapping[str, object] = SAME,
) -> None:
    """Add an option for each field of a class of settings.

    Args:
        group: Where they go.
        kind: The settings.
        names: Names of options that are not their field's.
        leave_out: Fields that are no options here.
        only: Fields that are options here; empty takes all that are not left out.
        defaults: Values that this command takes, by field, where nobody gives one.
    """
    for field, described in settings_of(kind).items():
        if field not in leave_out and (not only or field in only):
            shown = described.shown_default
            if field in defaults:
                group.set_defaults(**{names.get(field, field): defaults[field]})
                shown = defaults[field]
            _add_option(group, option(names.get(field, field)), described, shown)


def given(arguments: argparse.Namespace, kind: type, names: Names = SAME) -> dict[str, object]:
    """Collect the fields of settings that the command line gives a value."""
    values = {
        field: getattr(arguments, names.get(field, field), None) for field in settings_of(kind)
    }
    return {field: value for field, value in values.items() if value is not None}


def read_settings(
    arguments: argparse.Namespace, kind: Callable[..., Kind], names: Names = SAME
) -> Kind:
    """Make settings of what the command line gives; the rest keeps its defaults.

    Raises:
        InputError: A value is out of range; names the option.
    """
    assert isinstance(kind, type)
    try:
        return kind(**given(arguments, kind, names))
    except InputError as error:
        known = {field: names.get(field, field) for field in settings_of(kind)}
        raise InputError(in_options(str(error), known)) from error


def refuse_idle(
    arguments: argparse.Namespace, options: Collection[str], *, where: str, advice: str = ""
) -> None:
    """Refuse options that would do nothing.

    Args:
        arguments: The command line.
        options: Names in the namespace.
        where: ``without --smooth``, ``beside --dataset``.
        advice: What to do; empty asks to add what is lacking.

    Raises:
        InputError: One of them is given; names all that are.
    """
    idle = [option(name) for name in options if getattr(arguments, name, None) not in (None, False)]
    idle += [
        f"--no-{option(name)[2:]}" for name in options if getattr(arguments, name, None) is False
    ]
    if idle:
        do = "do" if len(idle) > 1 else "does"
        raise InputError(
            f"{', '.join(idle)} {do} nothing {where}; "
            + (advice or f"add {where.removeprefix('without ')}, or leave it out")
        )


def option_names(kind: type, names: Names = SAME, leave_out: Collection[str] = ()) -> list[str]:
    """List the names that the options of some settings have in the namespace."""
    return [names.get(field, field) for field in settings_of(kind) if field not in leave_out]


def option(name: str) -> str:
    """``guidance_scale`` -> ``--guidance-scale``."""
    return f"--{name.replace('_', '-')}"


def in_options(message: str, known: Mapping[str, str]) -> str:
    """Name options where a message of core names parameters.

    Args:
        message: Of an error.
        known: Parameter -> name in the namespace; other words stay as they are.
    """
    return rename_parameters(message, {name: option(place) for name, place in known.items()})


def _add_option(group: Group, flag: str, described: Setting, default: object) -> None:
    text = _help(described, default)
    if described.kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
    elif described.choices:
        aliases = described.notes.aliases
        group.add_argument(
            flag,
            type=lambda word: aliases.get(word, word),
            choices=described.choices,
            metavar=None,
            help=text,
        )
    elif described.kind in (int, float, str, Path):
        group.add_argument(flag, type=described.kind, metavar=_METAVARS[described.kind], help=text)
    else:  # several paths
        group.add_argument(
            flag, type=Path, action="append", metavar="PATH", help=f"{text}; may be repeated"
        )


_METAVARS: Mapping[type, str] = {int: "N", float: "X", str: "TEXT", Path: "PATH"}


def _help(described: Setting, default: object) -> str:
    notes = described.notes
    limits = re.sub("^(in|of) ", "", f"{range_text(notes)} {notes.unit}").strip()
    if isinstance(default, bool):
        default = "yes" if default else "no"
    shown = "" if default in (None, ()) else f"default: {default}"
    brackets = "; ".join(part for part in (limits, shown) if part)
    return f"{notes.help}{f' ({brackets})' if brackets else ''}".replace("%", "%%")
