"""Who a dancer is: proportions, face, hair, clothes and the place; drawn from a seed."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

import numpy as np

from .bodies import Build, Proportions, draw_body

Colour = tuple[int, int, int]
Split = Literal["train", "heldout"]
HairStyle = Literal["short", "bob", "long", "bun", "afro", "ponytail", "beanie"]
Sleeves = Literal["none", "short", "long"]
Pattern = Literal["plain", "stripes", "pinstripes", "dots", "checks", "emblem", "halves"]
Bottom = Literal["shorts", "trousers", "skirt"]
Backdrop = Literal["plain", "gradient", "horizon"]

_T = TypeVar("_T")
SPLITS: tuple[Split, ...] = get_args(Split)
_BUILD = 8  # a stream apart from the one that draws the person
_CHIBI_SHARE = 1 / 8
_SOFT_LIGHT = 0.86

_HALF_ACCENT: tuple[Pattern, ...] = ("stripes", "pinstripes", "checks", "halves")
_SKIN: tuple[Colour, ...] = (
    (255, 224, 196),
    (241, 194, 154),
    (224, 172, 124),
    (198, 134, 92),
    (156, 100, 64),
    (110, 70, 46),
    (82, 52, 38),
)
_HAIR: tuple[Colour, ...] = (
    (30, 24, 26),
    (62, 42, 30),
    (112, 66, 36),
    (166, 92, 44),
    (222, 178, 96),
    (240, 222, 170),
    (186, 60, 40),
    (190, 190, 196),
    (224, 96, 160),
    (70, 110, 200),
)
_EYES: tuple[Colour, ...] = ((60, 40, 26), (40, 90, 150), (50, 116, 70), (30, 26, 30))


@dataclass(frozen=True, kw_only=True)
class Face:
    """Colours and traits of the head."""

    skin: Colour
    eyes: Colour
    hair: Colour
    hair_style: HairStyle
    hat: Colour
    brows: float
    glasses: bool
    beard: bool
    blush: float


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """Clothes and their colours; ``print_at`` moves the print across and down, in torso lengths."""

    sleeves: Sleeves
    pattern: Pattern
    top: Colour
    accent: Colour
    bottom_kind: Bottom
    bottom: Colour
    side_stripe: bool
    shoes: Colour
    print_at: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is behind the dancer; ``far`` is the upper colour, ``near`` the lower one.

    No dancer is drawn before a ``plain`` place: it is there to cut people out.
    """

    kind: Backdrop
    far: Colour
    near: Colour
    horizon: float


@dataclass(frozen=True, kw_only=True)
class Dancer:
    """One identity. Everything that stays the same from frame to frame."""

    body: Proportions
    face: Face
    outfit: Outfit
    place: Place


def draw_dancer(index: int, split: Split = "train", build: Build | None = None) -> Dancer:
    """Draw the dancer number ``index`` of a split; the two splits share no random stream.

    Args:
        index: 0 or more; the same number gives the same person for ever.
        split: ``train``, or ``heldout`` for people that no training ever sees.
        build: Proportions; None takes the number's own, of which one in eight is chibi. Face,
            clothes and place are the same with any.
    """
    rng = np.random.default_rng((SPLITS.index(split), index))
    dancer = Dancer(
        body=draw_body("usual", rng),
        face=_draw_face(rng),
        outfit=_draw_outfit(rng),
        place=_draw_place(rng),
    )
    own = np.random.default_rng((SPLITS.index(split), index, _BUILD))
    drawn: Build = "chibi" if own.random() < _CHIBI_SHARE else "usual"
    if (build or drawn) == "chibi":
        return replace(dancer, body=draw_body("chibi", own))
    return dancer


def swap_colours(dancer: Dancer, rng: np.random.Generator) -> Dancer:
    """Give another person in the same colours, so that a colour histogram hardly tells the two.

    Skin, hair and cloth keep their colours, but garments trade theirs, and hair style, pattern,
    glasses and beard are drawn anew. The place stays.
    """
    outfit, face = dancer.outfit, _draw_face(rng)
    worn = (outfit.top, outfit.accent, outfit.bottom, outfit.shoes)
    order = rng.permutation(4)
    while order[0] == 0 and order[2] == 2:  # at least shirt or trousers must differ
        order = rng.permutation(4)
    top, accent, bottom, shoes = (worn[index] for index in order)
    return replace(
        dancer,
        face=replace(
            dancer.face,
            hair_style=face.hair_style,
            hat=dancer.face.hair,
            glasses=face.glasses,
            beard=face.beard,
        ),
        outfit=replace(
            outfit,
            top=top,
            accent=accent,
            bottom=bottom,
            shoes=shoes,
            pattern=_pick(get_args(Pattern), rng),
        ),
    )


def move_print(dancer: Dancer, rng: np.random.Generator) -> Dancer:
    """Give another person whom a colour histogram cannot tell from this one.

    Garments keep their colours; the print moves or becomes one with the same share of the second
    colour, and hair style, glasses and beard are drawn anew. The place stays.
    """
    outfit, face = dancer.outfit, _draw_face(rng)
    across = float(rng.choice((-1, 1)) * rng.uniform(0.1, 0.18))
    down = float(rng.uniform(-0.18, 0.26))
    alike = _HALF_ACCENT if outfit.pattern in _HALF_ACCENT else (outfit.pattern,)
    return replace(
        dancer,
        face=replace(
            dancer.face,
            hair_style=face.hair_style,
            hat=dancer.face.hair,
            glasses=face.glasses,
            beard=face.beard,
        ),
        outfit=replace(outfit, pattern=_pick(alike, rng), print_at=(across, down)),
    )


def change_face(dancer: Dancer, rng: np.random.Generator) -> Dancer:
    """Give another person in the same clothes, of the same build and in the same place."""
    return replace(dancer, face=_draw_face(rng))


def _draw_face(rng: np.random.Generator) -> Face:
    skin = _between(_SKIN, rng)
    hair_style = _pick(get_args(HairStyle), rng)
    return Face(
        skin=skin,
        eyes=_EYES[rng.integers(len(_EYES))],
        hair=_HAIR[rng.integers(len(_HAIR))],
        hair_style=hair_style,
        hat=_vivid(rng),
        brows=rng.uniform(0.7, 1.5),
        glasses=bool(rng.random() < 0.2),
        beard=bool(hair_style in ("short", "beanie", "bun") and rng.random() < 0.35),
        blush=rng.uniform(0.0, 0.5),
    )


def _draw_outfit(rng: np.random.Generator) -> Outfit:
    top = _vivid(rng)
    return Outfit(
        sleeves=_pick(get_args(Sleeves), rng),
        pattern=_pick(get_args(Pattern), rng),
        top=top,
        accent=_unlike(top, rng),
        bottom_kind=_pick(get_args(Bottom), rng),
        bottom=_unlike(top, rng),
        side_stripe=bool(rng.random() < 0.3),
        shoes=_vivid(rng),
    )


def _draw_place(rng: np.random.Generator) -> Place:
    hue = rng.random()
    saturation = rng.uniform(0.05, 0.4)
    value = rng.uniform(0.55, 0.95)
    far = _hsv(hue, saturation, value)
    near_hue = (hue + rng.uniform(-0.15, 0.15)) % 1.0
    near = _hsv(near_hue, rng.uniform(0.05, 0.45), value * rng.uniform(0.55, 0.85))
    kind, horizon = _pick(get_args(Backdrop), rng), rng.uniform(0.66, 0.84)
    if kind == "plain":  # a wall in soft light; all of one grey, training would refuse the picture
        kind, near = "gradient", _hsv(hue, saturation, value * _SOFT_LIGHT)
    return Place(kind=kind, far=far, near=near, horizon=horizon)


def _pick(choices: tuple[_T, ...], rng: np.random.Generator) -> _T:
    return choices[rng.integers(len(choices))]


def _vivid(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.2:  # white, grey or black cloth
        level = int(rng.choice((32, 70, 235)))
        return (level, level, level)
    return _hsv(rng.random(), rng.uniform(0.6, 0.95), rng.uniform(0.45, 0.95))


def _unlike(colour: Colour, rng: np.random.Generator) -> Colour:
    while True:
        other = _vivid(rng)
        if sum(abs(a - b) for a, b in zip(colour, other, strict=True)) > 150:
            return other


def _between(palette: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    place = rng.uniform(0, len(palette) - 1)
    low = int(place)
    share = place - low
    pair = zip(palette[low], palette[min(low + 1, len(palette) - 1)], strict=True)
    red, green, blue = (round(a + (b - a) * share) for a, b in pair)
    return (red, green, blue)


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return (round(red * 255), round(green * 255), round(blue * 255))
