"""Paint a dancer in a posture: place, legs, torso, head, arms, from back to front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .bodies import Proportions
from .features import Points, hand_landmarks
from .figure import GROUND, Arm, Figure, Leg, pose_figure
from .head import paint_hair_behind, paint_head
from .motion import Posture
from .paint import Canvas, Pixels, shaded
from .patterns import is_accent
from .person import Colour, Dancer, Outfit, Place
from .view import FULL_LENGTH, View

_RIM = 0.0045
_TURNED = 0.2
SHADOW = "shadow"
"""The part that is painted and belongs to nobody."""


def render_dancer(
    dancer: Dancer, posture: Posture, size: int = 128, view: View = FULL_LENGTH
) -> NDArray[np.uint8]:
    """Render one frame.

    Args:
        dancer: Who.
        posture: How the body stands and what the face does.
        size: Side of the picture in pixels.
        view: Which part of the world is seen.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    canvas = Canvas(_paint_place(dancer.place, 2 * size, view), view)
    paint_dancer(canvas, dancer, posture)
    return canvas.finished()


def paint_dancer(canvas: Canvas, dancer: Dancer, posture: Posture) -> None:
    """Paint the dancer and the shadow of the feet, from back to front."""
    figure = pose_figure(dancer.body, posture)
    _paint_shadow(canvas, dancer.place, figure)
    canvas.begin("hair behind")
    paint_hair_behind(canvas, dancer.face, figure)
    arms = [(-1, figure.right_arm), (1, figure.left_arm)]
    behind = [arm for arm in arms if arm[0] * figure.yaw > _TURNED]
    for side, arm in behind:
        _paint_arm(canvas, dancer, posture, arm, side)
    for name, leg in (("right leg", figure.right_leg), ("left leg", figure.left_leg)):
        canvas.begin(name)
        _paint_leg(canvas, dancer, figure, leg)
    canvas.begin("bottom")
    _paint_bottom(canvas, dancer, figure)
    canvas.begin("torso")
    _paint_torso(canvas, dancer, figure)
    paint_head(canvas, dancer.face, figure, posture)
    for side, arm in arms:
        if (side, arm) not in behind:
            _paint_arm(canvas, dancer, posture, arm, side)


def _paint_place(place: Place, size: int, view: View) -> Pixels:
    far, near = np.array(place.far, np.float32), np.array(place.near, np.float32)
    rows = (np.arange(size) + 0.5)[:, None] / size
    down = view.to_world(1j * rows).imag.astype(np.float32)
    if place.kind == "plain":
        share = np.zeros_like(down)
    elif place.kind == "gradient":
        share = np.clip(down, 0, 1)
    else:
        share = np.clip((down - place.horizon) * view.zoom * size / 2 + 0.5, 0, 1)
    column = far + (near - far) * share
    return np.repeat(column[:, None].round().astype(np.uint8), size, axis=1)


def _paint_shadow(canvas: Canvas, place: Place, figure: Figure) -> None:
    ground = place.far if place.kind == "plain" else place.near
    canvas.begin(SHADOW)
    for leg in (figure.right_leg, figure.left_leg):
        centre = complex(leg.toe.real, GROUND)
        canvas.ellipse(centre, complex(0.075, 0.014), 1 + 0j, shaded(ground, 0.72))


def _limb(
    canvas: Canvas, ends: tuple[complex, complex], radii: tuple[float, float], colour: Colour
) -> None:
    """Paint a limb with a darker rim, so that it stands out before the body."""
    canvas.limb(ends, (radii[0] + _RIM, radii[1] + _RIM), shaded(colour, 0.62))
    canvas.limb(ends, radii, colour)


def _paint_leg(canvas: Canvas, dancer: Dancer, figure: Figure, leg: Leg) -> None:
    outfit, girth = dancer.outfit, dancer.body.girth * figure.scale
    thigh, knee, ankle = 0.046 * girth, 0.034 * girth, 0.022 * girth
    covered = outfit.bottom_kind == "trousers"
    shin = outfit.bottom if covered else dancer.face.skin
    _limb(canvas, (leg.knee, leg.ankle), (knee, ankle * (1.25 if covered else 1.0)), shin)
    shoe = (leg.ankle + 0.012j * figure.scale, leg.toe)
    _limb(canvas, shoe, (0.024 * figure.scale, 0.019 * figure.scale), outfit.shoes)
    upper = dancer.face.skin if outfit.bottom_kind == "skirt" else outfit.bottom
    if outfit.bottom_kind == "shorts":
        _limb(canvas, (leg.hip, leg.knee), (thigh, knee), dancer.face.skin)
        hem = leg.hip + 0.72 * (leg.knee - leg.hip)
        canvas.disc(leg.knee, knee, dancer.face.skin)
        _limb(canvas, (leg.hip, hem), (thigh * 1.08, thigh), upper)
        return
    _limb(canvas, (leg.hip, leg.knee), (thigh, knee), upper)
    canvas.disc(leg.knee, knee, shin)
    if covered:
        canvas.limb((leg.knee, leg.ankle), (knee, ankle * 1.25), shin)
        if outfit.side_stripe:
            _paint_side_stripe(canvas, outfit, figure, leg, knee)


def _paint_side_stripe(
    canvas: Canvas, outfit: Outfit, figure: Figure, leg: Leg, offset: float
) -> None:
    out = 1.0 if leg is figure.left_leg else -1.0
    points = [leg.hip + out * offset * 1.1, leg.knee + out * offset * 0.7]
    points.append(leg.ankle + out * offset * 0.5)
    canvas.line(points, 0.014 * figure.scale, outfit.accent)


def _paint_bottom(canvas: Canvas, dancer: Dancer, figure: Figure) -> None:
    colour, scale = dancer.outfit.bottom, figure.scale
    right, left = figure.right_leg, figure.left_leg
    belt = figure.pelvis + 0.05 * scale * figure.up
    width = 0.045 * dancer.body.girth * scale
    if dancer.outfit.bottom_kind != "skirt":
        canvas.polygon(
            [belt - width, belt + width, left.hip + 0.02j * scale, right.hip + 0.02j * scale],
            colour,
        )
        return
    hem_right = right.hip + 0.8 * (right.knee - right.hip) - 0.055 * scale
    hem_left = left.hip + 0.8 * (left.knee - left.hip) + 0.055 * scale
    waist = _across(figure) * (abs(left.hip - right.hip) / 2 + 0.028 * scale)
    outline = [belt - waist, belt + waist, hem_left, hem_right]
    middle = (hem_left + hem_right) / 2
    grown = [middle + (point - middle) * 1.06 for point in outline]
    canvas.polygon(grown, shaded(colour, 0.62))
    canvas.polygon(outline, colour)


def _across(figure: Figure) -> complex:
    return figure.up * 1j


def torso_outline(body: Proportions, figure: Figure) -> Points:
    """Return the outline of the shirt: shoulders, waist, hips, both sides."""
    scale, across, up = figure.scale, _across(figure), figure.up
    half = abs(figure.left_arm.shoulder - figure.right_arm.shoulder) / 2
    hip = abs(figure.left_leg.hip - figure.right_leg.hip) / 2 + 0.036 * body.girth * scale
    waist = 0.55 * hip + 0.45 * half
    right = [
        figure.neck + 0.012 * scale * up - 0.035 * scale * across,
        figure.neck - 0.004 * scale * up - (half + 0.004 * scale) * across,
        figure.neck - 0.03 * scale * up - (half + 0.022 * scale) * across,
        figure.neck - 0.09 * scale * up - (half + 0.004 * scale) * across,
        figure.pelvis + 0.1 * scale * up - waist * across,
        figure.pelvis + 0.0 * scale * up - hip * across,
    ]
    left = [point + 2 * across * _half_width(figure, point) for point in reversed(right)]
    return np.array(right + left)


def _half_width(figure: Figure, point: complex) -> float:
    return -((point - figure.neck) / _across(figure)).real


def _paint_torso(canvas: Canvas, dancer: Dancer, figure: Figure) -> None:
    outfit, scale, skin = dancer.outfit, figure.scale, dancer.face.skin
    outline = torso_outline(dancer.body, figure)
    middle = (figure.neck + figure.pelvis) / 2
    canvas.polygon(middle + (outline - middle) * 1.035, shaded(outfit.top, 0.62))
    canvas.polygon(outline, outfit.top)
    unit = abs(figure.neck - figure.pelvis)
    aside, down = outfit.print_at
    if outfit.pattern != "plain":
        canvas.cloth(
            outline,
            (figure.neck, unit * _across(figure)),
            lambda x, y: is_accent(outfit.pattern, x - aside, y - down),
            outfit.accent,
        )
    collar = figure.neck - 0.004 * scale * figure.up
    depth = 0.05 if outfit.sleeves == "none" else 0.028
    canvas.ellipse(collar, scale * complex(depth, 0.045), figure.up, skin)
    throat = (figure.neck, figure.head - 0.7 * figure.head_radius * figure.head_up)
    canvas.limb(throat, (0.034 * scale, 0.032 * scale), shaded(skin, 0.84))


def _paint_arm(canvas: Canvas, dancer: Dancer, posture: Posture, arm: Arm, side: int) -> None:
    outfit, skin = dancer.outfit, dancer.face.skin
    girth = dancer.body.girth * dancer.body.height
    shoulder, elbow, wrist = 0.034 * girth, 0.026 * girth, 0.019 * girth
    canvas.begin("right arm" if side < 0 else "left arm")
    _paint_hand(canvas, dancer, posture, arm, side)
    sleeve = outfit.top
    lower = sleeve if outfit.sleeves == "long" else skin
    _limb(canvas, (arm.elbow, arm.wrist), (elbow, wrist), lower)
    upper = skin if outfit.sleeves == "none" else sleeve
    if outfit.sleeves == "short":
        _limb(canvas, (arm.shoulder, arm.elbow), (shoulder * 0.9, elbow), skin)
        hem = arm.shoulder + 0.62 * (arm.elbow - arm.shoulder)
        canvas.disc(arm.elbow, elbow, skin)
        _limb(canvas, (arm.shoulder, hem), (shoulder, shoulder * 1.02), upper)
    else:
        _limb(canvas, (arm.shoulder, arm.elbow), (shoulder, elbow), upper)
        canvas.limb((arm.elbow, arm.wrist), (elbow, wrist), lower)


def _paint_hand(canvas: Canvas, dancer: Dancer, posture: Posture, arm: Arm, side: int) -> None:
    skin, reach = dancer.face.skin, dancer.body.hand * dancer.body.height
    fingers = hand_landmarks(dancer.body, posture, arm, side)[1:].reshape(5, 4)
    palm = arm.wrist + 0.32 * reach * arm.along
    canvas.ellipse(
        palm, reach * complex(0.45, 0.36) + _RIM * (1 + 1j), arm.along, shaded(skin, 0.62)
    )
    for finger in fingers:
        canvas.line([arm.wrist + 0.2 * reach * arm.along, finger[-1]], 0.2 * reach, skin)
    canvas.ellipse(palm, reach * complex(0.42, 0.34), arm.along, skin)
