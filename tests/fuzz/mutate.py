"""Damage bytes as disks, downloads and attackers do; the same ``random`` damages the same way."""

from __future__ import annotations

import random as random_numbers
import struct
from collections.abc import Callable

Damage = Callable[[bytearray, random_numbers.Random], None]


def mutate(content: bytes, random: random_numbers.Random, *, most: int = 4) -> tuple[bytes, str]:
    """Do one to ``most`` kinds of damage, one after another.

    Returns:
        The damaged bytes, and what was done.
    """
    damaged = bytearray(content)
    done = []
    for _ in range(random.randint(1, most)):
        damage = random.choice(DAMAGES)
        damage(damaged, random)
        done.append(damage.__name__)
    return bytes(damaged), "+".join(done)


def flip_bits(content: bytearray, random: random_numbers.Random) -> None:
    """Flip a few bits."""
    for _ in range(random.randint(1, 8)):
        if content:
            content[_place(content, random)] ^= 1 << random.randrange(8)


def cut_off(content: bytearray, random: random_numbers.Random) -> None:
    """Lose the end."""
    del content[_place(content, random) :]


def cut_out(content: bytearray, random: random_numbers.Random) -> None:
    """Lose some bytes in between."""
    start = _place(content, random)
    del content[start : start + random.randint(1, 64)]


def put_in(content: bytearray, random: random_numbers.Random) -> None:
    """Put random bytes in between."""
    start = _place(content, random)
    content[start:start] = random.randbytes(random.randint(1, 64))


def repeat(content: bytearray, random: random_numbers.Random) -> None:
    """Repeat some bytes where they stand."""
    start = _place(content, random)
    piece = content[start : start + random.randint(1, 256)]
    content[start:start] = piece * random.randint(1, 8)


def swap(content: bytearray, random: random_numbers.Random) -> None:
    """Exchange two stretches."""
    size = random.randint(1, 64)
    a, b = _place(content, random), _place(content, random)
    first, second = content[a : a + size], content[b : b + size]
    size = min(len(first), len(second))
    content[a : a + size], content[b : b + size] = second[:size], first[:size]


def zero(content: bytearray, random: random_numbers.Random) -> None:
    """Zero a stretch, as a file with holes has it."""
    start = _place(content, random)
    size = min(random.choice((1, 4, 512, 4096)), len(content) - start)
    content[start : start + size] = bytes(size)


def odd_number(content: bytearray, random: random_numbers.Random) -> None:
    """Put a number at the border of its kind over what is there."""
    form, number = random.choice(_NUMBERS)
    piece = struct.pack(random.choice("<>") + form, number)
    start = _place(content, random)
    piece = piece[: len(content) - start]
    content[start : start + len(piece)] = piece


def _place(content: bytearray, random: random_numbers.Random) -> int:
    """Choose a place; headers, at either end, are hit as often as all the rest."""
    if not content:
        return 0
    last = len(content) - 1
    return random.choice(
        (
            random.randint(0, last),
            random.randint(0, min(last, 256)),
            last - random.randint(0, min(last, 256)),
        )
    )


DAMAGES: tuple[Damage, ...] = (flip_bits, cut_off, cut_out, put_in, repeat, swap, zero, odd_number)
_NUMBERS = (
    *(("B", number) for number in (0, 1, 0x7F, 0x80, 0xFF)),
    *(("H", number) for number in (0, 0x7FFF, 0x8000, 0xFFFF)),
    *(("I", number) for number in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)),
    *(("Q", number) for number in (0, 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)),
)
