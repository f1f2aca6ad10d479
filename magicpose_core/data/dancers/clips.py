"""Dancers as pictures: clips to watch, and free frames to train on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...pose.keypoints import PersonPose
from .bodies import Build, Proportions
from .expression import Expression, blend, draw_expression, draw_faces, with_expression
from .figure import pose_figure
from .footwork import contacts_at, draw_footwork, step
from .framing import SHOTS, Framing
from .landmarks import person_pose
from .motion import Posture, draw_motion, posture_at
from .person import SPLITS, Dancer, Split, draw_dancer
from .render import render_dancer
from .view import FULL_LENGTH, View, draw_view

# streams apart from the one that draws the person, and from each other
_POSES, _CLIP, _VIEW, _FACES = 1, 2, 5, 6
_MOST_ASIDE = 0.06
_SHOT_SHARES = (0.3, 0.35, 0.35)


@dataclass(frozen=True, kw_only=True)
class DancerFrame:
    """One frame: the picture (size, size, 3) uint8 and its exact keypoints."""

    picture: NDArray[np.uint8]
    pose: PersonPose


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that a frame shows: who, in what posture, and from where."""

    dancer: Dancer
    posture: Posture
    view: View = FULL_LENGTH

    def picture(self, size: int) -> NDArray[np.uint8]:
        """Render the picture (size, size, 3)."""
        return render_dancer(self.dancer, self.posture, size, self.view)

    def frame(self, size: int) -> DancerFrame:
        """Render the picture with its keypoints."""
        return dancer_frame(self.dancer, self.posture, size, self.view)


@dataclass(frozen=True, kw_only=True)
class DancerClip:
    """A dancer in motion.

    Attributes:
        dancer: Who.
        postures: One per frame.
        views: The camera's view, one per frame.
        contacts: Whether the right and the left foot are planted, one pair a frame.
    """

    dancer: Dancer
    postures: tuple[Posture, ...]
    views: tuple[View, ...]
    contacts: tuple[tuple[bool, bool], ...]

    def scenes(self) -> list[Scene]:
        """List what the frames show."""
        return [
            Scene(dancer=self.dancer, posture=posture, view=view)
            for posture, view in zip(self.postures, self.views, strict=True)
        ]

    def frames(self, size: int) -> Iterator[DancerFrame]:
        """Render the frames."""
        for scene in self.scenes():
            yield scene.frame(size)


def dancer_frame(
    dancer: Dancer, posture: Posture, size: int, view: View = FULL_LENGTH
) -> DancerFrame:
    """Render one frame with its keypoints."""
    figure = pose_figure(dancer.body, posture)
    return DancerFrame(
        picture=render_dancer(dancer, posture, size, view),
        pose=person_pose(dancer.body, posture, figure, view),
    )


def dancer_view(body: Proportions, index: int, split: Split, framing: Framing) -> View:
    """Give the view in which a dancer is shown, the same in all frames.

    Args:
        body: The dancer's.
        index: Number of the dancer.
        split: Its split.
        framing: ``mixed`` takes the dancer's own, of three kinds.
    """
    rng = np.random.default_rng((SPLITS.index(split), index, _VIEW))
    own = SHOTS[rng.choice(len(SHOTS), p=_SHOT_SHARES)]
    return draw_view(body, own if framing == "mixed" else framing, rng)


def free_posture(index: int, frame: int, split: Split = "train") -> Posture:
    """Give the posture of a numbered frame of a dancer, independent of the other frames.

    The body stands near the middle of the world; what the face does is drawn apart from the body.
    """
    rng = np.random.default_rng((SPLITS.index(split), index, _POSES, frame))
    posture = posture_at(draw_motion(rng), rng.random())
    faces = np.random.default_rng((SPLITS.index(split), index, _FACES, frame))
    return with_expression(posture, draw_expression(faces))


def free_scene(index: int, frame: int, split: Split, framing: Framing = "mixed") -> Scene:
    """Give a numbered frame of a dancer, unrelated to the other frames but for the view.

    Args:
        index: Number of the dancer.
        frame: Number of the frame.
        split: The dancer's split.
        framing: How close the camera is. The dancer stands a little aside, except in ``full``.
    """
    dancer, posture = draw_dancer(index, split), free_posture(index, frame, split)
    if framing != "full":
        rng = np.random.default_rng((SPLITS.index(split), index, _VIEW, frame))
        posture = posture._replace(sway=posture.sway + rng.uniform(-_MOST_ASIDE, _MOST_ASIDE))
    view = dancer_view(dancer.body, index, split, framing)
    return Scene(dancer=dancer, posture=posture, view=view)


def free_frame(
    index: int, frame: int, split: Split, size: int, framing: Framing = "mixed"
) -> DancerFrame:
    """Render a numbered frame of a dancer; see :func:`free_scene`."""
    return free_scene(index, frame, split, framing).frame(size)


def free_frames(
    index: int, count: int, split: Split, size: int, framing: Framing = "mixed"
) -> Iterator[DancerFrame]:
    """Render ``count`` unrelated frames of a dancer; see :func:`free_scene`."""
    for frame in range(count):
        yield free_frame(index, frame, split, size, framing)


def draw_clip(
    index: int,
    frames: int,
    split: Split = "heldout",
    *,
    framing: Framing = "mixed",
    build: Build | None = None,
    travel: float = 0.0,
    pan: complex = 0j,
    faces: Sequence[Expression] | None = None,
) -> DancerClip:
    """Draw a smooth clip of a dancer whose planted feet stand still; without travel it is a loop.

    Args:
        index: Number of the dancer.
        frames: Length.
        split: The dancer's split.
        framing: How close the camera is.
        build: Proportions; None takes the number's own.
        travel: World heights that the dancer walks to picture right during the clip.
        pan: World heights by which the camera moves during the clip, evenly.
        faces: Expressions to pass through; None draws five.
    """
    dancer = draw_dancer(index, split, build)
    rng = np.random.default_rng((SPLITS.index(split), index, _CLIP))
    motion = draw_motion(rng)
    footwork = draw_footwork(rng, travel)
    if faces is None:
        faces = draw_faces(rng)
    moments = [frame / frames for frame in range(frames)]
    view = dancer_view(dancer.body, index, split, framing)
    return DancerClip(
        dancer=dancer,
        postures=tuple(
            with_expression(
                step(dancer.body, posture_at(motion, moment), footwork, moment),
                blend(faces, moment),
            )
            for moment in moments
        ),
        views=tuple(view.panned(pan * moment) for moment in moments),
        contacts=tuple(contacts_at(moment) for moment in moments),
    )


def clip_postures(index: int, frames: int, split: Split = "heldout") -> list[Posture]:
    """Give the postures of a dancer's smooth loop of ``frames`` frames."""
    return list(draw_clip(index, frames, split).postures)
