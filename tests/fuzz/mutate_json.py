"""Damage JSON where it still is JSON: other values, other kinds, missing and doubled entries."""

from __future__ import annotations

import json
import random as random_numbers
from collections.abc import Callable

_Random = random_numbers.Random
_Place = tuple[list[object] | dict[str, object], int | str]


def damage_json(
    content: bytes, random: random_numbers.Random, *, most: int = 3
) -> tuple[bytes, str]:
    """Do one to ``most`` kinds of damage to a JSON text; what is no JSON comes back as it is."""
    try:
        value = json.loads(content)
    except ValueError:
        return content, "nothing"
    done = []
    for _ in range(random.randint(1, 3)):
        places = list(_places(value))
        if not places:
            break
        damage = random.choice(_DAMAGES)
        damage(*random.choice(places), random)
        done.append(damage.__name__.strip("_"))
    return json.dumps(value).encode(), "+".join(done)


def damage_value(value: object, random: random_numbers.Random) -> object:
    """Give something of another kind or at the border of its kind."""
    if isinstance(value, int | float) and not isinstance(value, bool) and random.random() < 0.6:
        return random.choice(NUMBERS)
    return random.choice(ODD)


def _places(value: object, depth: int = 0) -> list[_Place]:
    """List where values stand; of long lists of numbers a few, or all damage would go there."""
    found: list[_Place] = []
    if isinstance(value, dict):
        items: list[tuple[int | str, object]] = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))[:: max(1, len(value) // 4)]
    else:
        return found
    for key, inner in items:
        found.append((value, key))
        if depth < 8:
            found += _places(inner, depth + 1)
    return found


def _replace(holder: list[object] | dict[str, object], key: int | str, random: _Random) -> None:
    holder[key] = damage_value(holder[key], random)  # type: ignore[index,call-overload]


def _remove(holder: list[object] | dict[str, object], key: int | str, _: _Random) -> None:
    if isinstance(holder, dict) or len(holder) > int(key):
        del holder[key]  # type: ignore[arg-type]


def _rename(holder: list[object] | dict[str, object], key: int | str, random: _Random) -> None:
    if isinstance(holder, dict):
        holder[random.choice(NAMES)] = holder.pop(str(key))


def _double(holder: list[object] | dict[str, object], key: int | str, random: _Random) -> None:
    if isinstance(holder, list):
        holder += [holder[int(key)]] * random.randint(1, 3)


def _wrap(holder: list[object] | dict[str, object], key: int | str, random: _Random) -> None:
    value = holder[key]  # type: ignore[index,call-overload]
    holder[key] = random.choice(([value], {"people": value}, [[[value]]]))  # type: ignore[index,call-overload]


def _cut(holder: list[object] | dict[str, object], key: int | str, random: _Random) -> None:
    value = holder[key]  # type: ignore[index,call-overload]
    if isinstance(value, list):
        del value[random.randint(0, len(value)) :]


_DAMAGES: tuple[Callable[..., None], ...] = (_replace, _remove, _rename, _double, _wrap, _cut)
NUMBERS = (
    0,
    -1,
    1,
    0.5,
    1e-300,
    1e300,
    -1e39,
    1 << 31,
    1 << 63,
    10**400,
    float("nan"),
    float("inf"),
)
ODD = (None, True, False, "", "7", "x" * 5000, "\x1b[2J", "\u202e\n", [], {}, [[]], [None], {"": 0})
NAMES = ("", "people", "frames", "fps", "width", "animals", "format", "\x1b[31m", "x" * 5000)
