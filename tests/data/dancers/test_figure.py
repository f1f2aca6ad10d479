"""Forward kinematics and landmarks."""

import cmath
import math

import numpy as np
import pytest

from magicpose_core.data.dancers.clips import free_posture
from magicpose_core.data.dancers.features import face_landmarks, hand_landmarks
from magicpose_core.data.dancers.figure import GROUND, pose_figure
from magicpose_core.data.dancers.landmarks import draw_pose_map, person_pose
from magicpose_core.data.dancers.motion import Posture
from magicpose_core.data.dancers.person import draw_dancer
from magicpose_core.pose.skeletons import BODY

STILL = Posture(*([0.0] * len(Posture._fields)))
BODY_OF = draw_dancer(0).body


@pytest.mark.parametrize("index", range(25))
def test_bones_keep_their_lengths(index):
    body, posture = draw_dancer(index).body, free_posture(index, 0)
    figure = pose_figure(body, posture)
    for arm in (figure.right_arm, figure.left_arm):
        assert abs(arm.elbow - arm.shoulder) == pytest.approx(body.upper_arm * body.height)
        assert abs(arm.wrist - arm.elbow) == pytest.approx(body.forearm * body.height)
        assert abs(arm.along) == pytest.approx(1)
    assert abs(figure.neck - figure.pelvis) == pytest.approx(body.torso * body.height)


@pytest.mark.parametrize("index", range(25))
def test_the_lower_foot_stands_on_the_ground_and_all_joints_are_in_the_picture(index):
    body, posture = draw_dancer(index).body, free_posture(index, 0)
    figure = pose_figure(body, posture)
    lowest = max(figure.right_leg.ankle.imag, figure.left_leg.ankle.imag)
    assert lowest == pytest.approx(GROUND - 0.03 * body.height)
    person = person_pose(body, posture, figure)
    assert person.body.xy.min() > -0.02
    assert person.body.xy.max() < 1.02


def test_a_still_body_is_upright_and_symmetric():
    figure = pose_figure(BODY_OF, STILL)
    assert figure.up == pytest.approx(-1j)
    for right, left in (
        (figure.right_arm.wrist, figure.left_arm.wrist),
        (figure.right_leg.ankle, figure.left_leg.ankle),
    ):
        assert right.real + left.real == pytest.approx(1.0)
        assert right.imag == pytest.approx(left.imag)
    assert figure.right_arm.wrist.real < figure.left_arm.wrist.real


def test_an_arm_at_a_right_angle_is_level():
    raised = STILL._replace(left_arm=math.pi / 2)
    arm = pose_figure(BODY_OF, raised).left_arm
    assert cmath.phase(arm.wrist - arm.shoulder) == pytest.approx(0, abs=1e-9)


def test_a_turn_moves_the_nose_and_hides_the_ear_that_it_turns_away():
    turned = STILL._replace(turn=0.5)
    straight = person_pose(BODY_OF, STILL, pose_figure(BODY_OF, STILL))
    person = person_pose(BODY_OF, turned, pose_figure(BODY_OF, turned))
    nose = BODY.index("nose")
    assert person.body.xy[nose, 0] > straight.body.xy[nose, 0] + 0.01
    assert straight.body.score.tolist() == [1.0] * 18
    hidden = [BODY.joints[index] for index in np.flatnonzero(person.body.score == 0)]
    assert hidden == ["left_ear"]


def test_there_are_70_face_points_and_21_of_each_hand():
    figure = pose_figure(BODY_OF, STILL)
    assert face_landmarks(figure, STILL).shape == (70,)
    assert hand_landmarks(BODY_OF, STILL, figure.left_arm, 1).shape == (21,)


def test_expressions_move_the_landmarks_that_they_should():
    figure = pose_figure(BODY_OF, STILL)
    rest = face_landmarks(figure, STILL)

    def moved(posture: Posture) -> set[int]:
        return set(np.flatnonzero(np.abs(face_landmarks(figure, posture) - rest) > 1e-6))

    assert moved(STILL._replace(gaze_x=1.0)) == {68, 69}
    assert moved(STILL._replace(brows=1.0)) == set(range(17, 27))
    assert moved(STILL._replace(blink=0.8)) <= set(range(36, 48))
    assert moved(STILL._replace(mouth=0.8)) <= set(range(48, 68))


def test_the_right_eye_comes_first_and_lies_at_picture_left():
    points = face_landmarks(pose_figure(BODY_OF, STILL), STILL)
    assert points[36:42].real.mean() < points[42:48].real.mean()
    assert points[68].real < points[69].real
    upper, lower = points[[37, 38, 43, 44]].imag, points[[40, 41, 46, 47]].imag
    assert upper.max() < lower.min()


def test_a_pose_map_shows_the_person_on_black():
    figure = pose_figure(BODY_OF, STILL)
    pose_map = draw_pose_map(person_pose(BODY_OF, STILL, figure), 128)
    assert pose_map.shape == (1, 3, 128, 128)
    drawn = (pose_map[0].amax(dim=0) > 0).float().mean().item()
    assert 0.01 < drawn < 0.2
    assert pose_map[..., 0, 0].max() == 0
