"""A dance to try things with: a person's picture, another's moves, and what should come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...pose.keypoints import PersonPose
from .bodies import Proportions
from .clips import Scene, dancer_view
from .expression import blend, draw_faces, with_expression
from .figure import pose_figure
from .framing import Shot
from .landmarks import person_pose
from .motion import Posture, draw_motion, posture_at
from .person import draw_dancer
from .view import View


@dataclass(frozen=True, kw_only=True)
class Dance:
    """A person who is shown, and a body that dances.

    Attributes:
        reference: The person in a posture that is not of the dance.
        scenes: The person in each frame of the dance.
        body: Whose keypoints are given.
        view: The view of that body, the same in all frames.
    """

    reference: Scene
    scenes: tuple[Scene, ...]
    body: Proportions
    view: View

    def poses(self) -> Iterator[PersonPose]:
        """Give the dancing body's exact keypoints, frame by frame."""
        for scene in self.scenes:
            figure = pose_figure(self.body, scene.posture)
            yield person_pose(self.body, scene.posture, figure, self.view)


def draw_dance(person: int, driver: int, frames: int, seed: int, framing: Shot) -> Dance:
    """Draw a loop in which the face goes through five expressions.

    Args:
        person: Number of the held-out dancer who is shown.
        driver: Number of the one whose body dances.
        frames: Length.
        seed: Of the dance.
        framing: How close the camera is to each of them.
    """
    rng = np.random.default_rng(seed)
    still, motion = draw_motion(rng), draw_motion(rng)
    faces = draw_faces(rng)
    shown = draw_dancer(person, "heldout")
    body = draw_dancer(driver, "heldout").body
    view = dancer_view(shown.body, person, "heldout", framing)

    def scene(posture: Posture) -> Scene:
        return Scene(dancer=shown, posture=posture, view=view)

    return Dance(
        reference=scene(posture_at(still, 0.0)),
        scenes=tuple(
            scene(with_expression(posture_at(motion, moment), blend(faces, moment)))
            for moment in (frame / frames for frame in range(frames))
        ),
        body=body,
        view=dancer_view(body, driver, "heldout", framing),
    )
