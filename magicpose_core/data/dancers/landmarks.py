"""A posed dancer as OpenPose sees it: exact keypoints, and the pose map drawn from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...errors import InputError
from ...images import fit_size, from_uint8
from ...pose.draw import draw_poses
from ...pose.draw_style import DrawStyle
from ...pose.keypoints import Keypoints, PersonPose
from ...pose.skeletons import BODY
from .bodies import Proportions
from .features import EYE, Points, ears_seen, face_landmarks, hand_landmarks, on_head
from .figure import Arm, Figure, Leg
from .motion import Posture
from .view import FULL_LENGTH, View

MAP_SIZE = 512
"""Pose maps are drawn at the size of the released training maps, then reduced to the frame's."""


def person_pose(
    body: Proportions, posture: Posture, figure: Figure, view: View = FULL_LENGTH
) -> PersonPose:
    """Return the exact OpenPose keypoints of a posed dancer.

    Only a hidden ear is absent: points that the view cuts off keep their places, beyond 0..1.
    """
    joints = _body_joints(figure)
    score = np.ones(len(BODY), np.float32)
    for ear, seen in zip(("right_ear", "left_ear"), ears_seen(figure), strict=True):
        score[BODY.index(ear)] = float(seen)
    return PersonPose(
        body=Keypoints(_xy([joints[name] for name in BODY.joints], view), score),
        right_hand=_all_seen(hand_landmarks(body, posture, figure.right_arm, -1), view),
        left_hand=_all_seen(hand_landmarks(body, posture, figure.left_arm, 1), view),
        face=_all_seen(face_landmarks(figure, posture), view),
    )


def face_box(person: PersonPose, size: int) -> tuple[slice, slice]:
    """Give the rows and columns of the box around the face points; at least one pixel.

    Args:
        person: With its face.
        size: Side of the picture in pixels; what lies beyond it is cut off.

    Raises:
        InputError: The person has no face points.
    """
    if person.face is None:
        raise InputError("a face box needs face points; detect the poses with faces")
    places = person.face.xy * size
    low = np.floor(places.min(axis=0)).clip(0, size - 1).astype(int)
    high = np.ceil(places.max(axis=0)).clip(low + 1, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def draw_pose_map(person: PersonPose, size: int) -> Tensor:
    """Draw the pose map as a frame of 512 pixels has it and reduce it to ``size``.

    Returns:
        (1, 3, size, size) in [0, 1].
    """
    drawn = from_uint8(draw_poses((person,), MAP_SIZE, MAP_SIZE, DrawStyle()))
    return fit_size(drawn, size, size)


def _body_joints(figure: Figure) -> dict[str, complex]:
    front = on_head(figure, np.array([0.22j, -EYE.real + 1j * EYE.imag, EYE]))
    ears = on_head(figure, np.array([-1.0 + 0.08j, 1.0 + 0.08j]))
    joints = {"nose": front[0], "neck": figure.neck, "right_eye": front[1], "left_eye": front[2]}
    joints |= {"right_ear": ears[0], "left_ear": ears[1]}
    joints |= _limb_joints("right", figure.right_arm, figure.right_leg)
    return joints | _limb_joints("left", figure.left_arm, figure.left_leg)


def _limb_joints(side: str, arm: Arm, leg: Leg) -> dict[str, complex]:
    return {
        f"{side}_shoulder": arm.shoulder,
        f"{side}_elbow": arm.elbow,
        f"{side}_wrist": arm.wrist,
        f"{side}_hip": leg.hip,
        f"{side}_knee": leg.knee,
        f"{side}_ankle": leg.ankle,
    }


def _all_seen(points: Points, view: View) -> Keypoints:
    return Keypoints(_xy(points, view), np.ones(len(points), np.float32))


def _xy(points: Points | Sequence[complex], view: View) -> NDArray[np.float32]:
    values = view.to_picture(np.asarray(points, np.complex128))
    return np.stack([values.real, values.imag], axis=-1).astype(np.float32)
