"""How close a camera is to a dancer, in words; nothing heavy is imported."""

from __future__ import annotations

from typing import Literal, get_args

Shot = Literal["full", "three_quarter", "waist"]
Framing = Literal["mixed", "full", "three_quarter", "waist"]
SHOTS: tuple[Shot, ...] = get_args(Shot)
