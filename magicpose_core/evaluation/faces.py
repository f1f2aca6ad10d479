"""What is left of a face: nearness in its box, the expression, the person by the face alone.

The box is that of the true frame's face points. Is the result nearest to the right one of 16 true
renderings there: of the same person, pose and place with other expressions; of other faces above
the same clothes? And is each trait nearest to its own kind?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from ..data.dancers.clips import Scene
from ..data.dancers.expression import EXPRESSIONS, Expression, expression_of, with_expression
from ..data.dancers.landmarks import face_box
from ..data.dancers.person import Face, HairStyle, Outfit, Pattern, change_face

Pixels = NDArray[np.uint8]
Region = tuple[slice, slice] | NDArray[np.bool_]
CANDIDATES = 16
_FACES = 7
_SOFTNESS = (0.7, 1.4, 2.1)  # pixels
_BEARDED: tuple[HairStyle, ...] = ("short", "beanie", "bun")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Pictures (S, S, 3), the right one first, and where they are compared."""

    pictures: Sequence[Pixels]
    region: Region

    def is_right(self, result: Pixels) -> bool:
        """Tell whether the first picture is the nearest to a result, by its mean error there.

        Each is taken as soft as suits it best: a soft picture of open eyes is nearer to closed ones
        than to sharp open ones, and yet shows open eyes.
        """
        shown = result.astype(np.float32)[self.region]
        errors = [
            min(float(np.abs(shown - soft[self.region]).mean()) for soft in _softened(picture))
            for picture in self.pictures
        ]
        return int(np.argmin(errors)) == 0


def _softened(picture: Pixels) -> Iterator[NDArray[np.float32]]:
    sharp = picture.astype(np.float32)
    yield sharp
    for sigma in _SOFTNESS:
        yield cv2.GaussianBlur(sharp, (0, 0), sigma)


def named_expression(index: int) -> Expression:
    """Give the expression of a numbered case: all names come in turn."""
    return list(EXPRESSIONS.values())[index % len(EXPRESSIONS)]


def expression_choice(scene: Scene, size: int) -> Choice:
    """Render a scene with its own expression, a named one, and with all other names."""
    own = expression_of(scene.posture)
    others = [face for face in EXPRESSIONS.values() if face != own]
    scenes = [
        replace(scene, posture=with_expression(scene.posture, face)) for face in (own, *others)
    ]
    return Choice(
        pictures=[one.picture(size) for one in scenes[:CANDIDATES]], region=_box(scene, size)
    )


def identity_choice(scene: Scene, index: int, size: int) -> Choice:
    """Render a scene with its own and with 15 other faces above the same clothes."""
    rng = np.random.default_rng((_FACES, index))
    others = [replace(scene, dancer=change_face(scene.dancer, rng)) for _ in range(CANDIDATES - 1)]
    return Choice(
        pictures=[one.picture(size) for one in (scene, *others)], region=_box(scene, size)
    )


def trait_choices(scene: Scene, size: int) -> Mapping[str, Choice]:
    """Render a scene with each other kind of one trait at a time.

    Returns:
        Trait -> choice among its kinds, compared where they differ. A trait that cannot be seen in
        this frame is left out, as is a beard on those who never wear one.
    """
    face, outfit = scene.dancer.face, scene.dancer.outfit
    kinds: dict[str, list[Face] | list[Outfit]] = {
        "hair": [
            replace(face, hair_style=style)
            for style in get_args(HairStyle)
            if style != face.hair_style
        ],
        "glasses": [replace(face, glasses=not face.glasses)],
        "pattern": [
            replace(outfit, pattern=pattern)
            for pattern in get_args(Pattern)
            if pattern != outfit.pattern
        ],
    }
    if face.hair_style in _BEARDED:
        kinds["beard"] = [replace(face, beard=not face.beard)]
    right = scene.picture(size)
    choices = {}
    for name, others in kinds.items():
        pictures = [right, *(_with(scene, other).picture(size) for other in others)]
        region = np.ptp(np.stack(pictures), axis=0).max(axis=2) > 0
        if region.any():
            choices[name] = Choice(pictures=pictures, region=region)
    return choices


def face_psnr(result: Pixels, truth: Pixels, region: Region) -> float:
    """Peak signal-to-noise ratio inside a region, in dB."""
    error = (result.astype(np.float64) - truth)[region] / 255
    return float(-10 * np.log10(max(np.square(error).mean(), 1e-10)))


def _box(scene: Scene, size: int) -> Region:
    return face_box(scene.frame(size).pose, size)


def _with(scene: Scene, trait: Face | Outfit) -> Scene:
    if isinstance(trait, Face):
        return replace(scene, dancer=replace(scene.dancer, face=trait))
    return replace(scene, dancer=replace(scene.dancer, outfit=trait))
