"""Paint a dancer's head: hair behind, face, hair in front."""

from __future__ import annotations

import cmath

import numpy as np

from .features import (
    EYE,
    EYE_HEIGHT,
    EYE_WIDTH,
    FACE_WIDTH,
    MOUTH,
    brow,
    ears_seen,
    mouth_outline,
    on_head,
    pupil,
)
from .figure import Figure
from .motion import Posture
from .paint import Canvas, shaded
from .person import Colour, Face

_WHITE: Colour = (250, 250, 250)
_DARK: Colour = (34, 26, 30)
_LIPS: Colour = (176, 62, 66)
_LIGHT_LIPS: Colour = (226, 112, 116)
_DARK_SKIN = 130  # mean of red, green and blue
_INSIDE_MOUTH: Colour = (92, 28, 36)


def paint_hair_behind(canvas: Canvas, face: Face, figure: Figure) -> None:
    """Paint the hair that hangs behind the shoulders."""
    radius, up = figure.head_radius, figure.head_up
    back = shaded(face.hair, 0.78)
    if face.hair_style == "long":
        low = figure.head - 2.3 * radius * figure.up
        canvas.limb((figure.head + 0.15 * radius * up, low), (1.02 * radius, 0.72 * radius), back)
    elif face.hair_style == "bob":
        low = figure.head - 0.75 * radius * up
        canvas.limb((figure.head + 0.2 * radius * up, low), (1.0 * radius, 0.88 * radius), back)
    elif face.hair_style == "afro":
        canvas.disc(figure.head + 0.3 * radius * up, 1.38 * radius, face.hair)
    elif face.hair_style == "ponytail":
        side = 1j * up * (-1 if figure.yaw > 0 else 1)
        root = figure.head + radius * (0.55 * up + 0.75 * side)
        tip = figure.head + radius * (-1.2 * figure.up + 1.35 * side)
        canvas.limb((root, tip), (0.34 * radius, 0.2 * radius), back)
    elif face.hair_style == "bun":
        canvas.disc(figure.head + 1.12 * radius * up, 0.42 * radius, back)


def paint_head(canvas: Canvas, face: Face, figure: Figure, posture: Posture) -> None:
    """Paint ears, skull, features and the hair in front."""
    radius, up = figure.head_radius, figure.head_up
    for place, seen in zip((-0.98, 0.98), ears_seen(figure), strict=True):
        canvas.begin("right ear" if place < 0 else "left ear")
        if seen:
            centre = on_head(figure, np.array([place + 0.08j]))[0]
            canvas.ellipse(centre, radius * complex(0.24, 0.15), up, shaded(face.skin, 0.86))
    canvas.begin("skull")
    canvas.ellipse(figure.head, radius * complex(1.0, FACE_WIDTH), up, face.skin)
    if face.beard:
        jaw = np.exp(1j * np.linspace(0.12, np.pi - 0.12, 15))
        inner = np.array([-0.62 + 0.2j, -0.34 + 0.36j, 0.36j, 0.34 + 0.36j, 0.62 + 0.2j])
        canvas.polygon(on_head(figure, np.concatenate([jaw * 0.985, inner])), face.hair)
    _paint_cheeks(canvas, face, figure)
    _paint_eyes(canvas, face, figure, posture)
    _paint_nose_and_mouth(canvas, face, figure, posture)
    _paint_hair_in_front(canvas, face, figure)


def _paint_cheeks(canvas: Canvas, face: Face, figure: Figure) -> None:
    if face.beard:
        return
    rose = _mixed(face.skin, (230, 90, 90), 0.45 * face.blush)
    for centre in on_head(figure, np.array([-0.58 + 0.36j, 0.58 + 0.36j])):
        canvas.ellipse(centre, figure.head_radius * complex(0.1, 0.16), figure.head_up, rose)


def _paint_eyes(canvas: Canvas, face: Face, figure: Figure, posture: Posture) -> None:
    radius, up = figure.head_radius, figure.head_up
    openness = max(0.12, 1.0 - posture.blink)
    for side in (-1, 1):
        centre, iris = on_head(
            figure, np.array([side * EYE.real + 1j * EYE.imag, pupil(posture, side)])
        )
        canvas.begin("right eye" if side < 0 else "left eye")
        white = radius * complex(EYE_HEIGHT * openness, EYE_WIDTH * FACE_WIDTH)
        canvas.ellipse(centre, 1.22 * white, up, _DARK)
        if posture.blink < 0.75:
            canvas.ellipse(centre, white, up, _WHITE)
            canvas.ellipse(iris, radius * complex(min(0.13, 0.15 * openness), 0.11), up, face.eyes)
        canvas.line(on_head(figure, brow(posture, side)), 0.1 * radius * face.brows, _brow(face))
        if face.glasses:
            ring = np.exp(1j * np.linspace(0, 2 * np.pi, 17)) * 0.3
            canvas.line(on_head(figure, side * EYE.real + 1j * EYE.imag + ring), 0.004, _DARK)
    if face.glasses:
        canvas.begin("bridge of the glasses")
        canvas.line(on_head(figure, np.array([-0.12 + 0j, 0.12 + 0j])), 0.004, _DARK)


def _paint_nose_and_mouth(canvas: Canvas, face: Face, figure: Figure, posture: Posture) -> None:
    shadow = shaded(face.skin, 0.72)
    canvas.begin("nose")
    tip = on_head(figure, np.array([-0.07 + 0.28j, 0.0 + 0.3j, 0.07 + 0.28j]))
    canvas.line(tip, 0.09 * figure.head_radius, shadow)
    canvas.begin("mouth")
    lips = _LIPS if sum(face.skin) / 3 > _DARK_SKIN else _LIGHT_LIPS
    canvas.polygon(on_head(figure, mouth_outline(posture, 1.0)), lips)
    if posture.mouth > 0.2:
        canvas.polygon(on_head(figure, mouth_outline(posture, 0.6)), _INSIDE_MOUTH)
        teeth = mouth_outline(posture, 0.6)
        upper = teeth[teeth.imag < MOUTH - 0.12 * posture.smile * -0.4]
        if posture.mouth > 0.45 and len(upper) > 2:
            canvas.line(on_head(figure, upper[1:-1]), 0.06 * figure.head_radius, _WHITE)


def _paint_hair_in_front(canvas: Canvas, face: Face, figure: Figure) -> None:
    canvas.begin("hair in front")
    radius, up = figure.head_radius, figure.head_up
    shift = 0.25 * figure.yaw
    crown = np.exp(1j * np.linspace(np.pi, 2 * np.pi, 17)) * 1.05
    low = -0.05 if face.hair_style in ("bob", "long") else -0.22
    fringe = np.array([0.9 + 0.12j, 0.72 - 0.5j, shift - 0.62j, -0.72 - 0.5j, -0.9 + 0.12j])
    outline = np.concatenate([crown.real + 1j * (crown.imag + low * 0.3), fringe])
    flat = figure.head + radius * (FACE_WIDTH * 1j * up * outline.real - up * outline.imag)
    if face.hair_style == "beanie":
        canvas.polygon(flat[:17], face.hat)
        canvas.disc(figure.head + 1.12 * radius * up, 0.2 * radius, shaded(face.hat, 0.75))
        brim = [figure.head + radius * (x * 0.92 * 1j * up + 0.3 * up) for x in (-1.0, 1.0)]
        canvas.limb((brim[0], brim[1]), (0.17 * radius, 0.17 * radius), shaded(face.hat, 0.75))
        return
    canvas.polygon(flat, face.hair)
    shine = cmath.exp(-0.5j)
    canvas.ellipse(
        figure.head + 0.78 * radius * up * shine,
        radius * complex(0.3, 0.09),
        up * 1j * shine,
        shaded(face.hair, 1.25),
    )


def _brow(face: Face) -> Colour:
    return shaded(face.hair, 0.7) if face.hair_style != "beanie" else _DARK


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return (red, green, blue)
