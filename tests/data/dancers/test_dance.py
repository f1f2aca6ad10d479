"""A person, another's moves, and what should come out."""

import numpy as np
import pytest

from magicpose_core.data.dancers.dance import draw_dance


def test_the_same_numbers_are_the_same_dance():
    dances = [draw_dance(3, 4, 2, 7, "waist") for _ in range(2)]
    assert dances[0] == dances[1]
    assert draw_dance(3, 4, 2, 8, "waist").scenes != dances[0].scenes


def test_the_face_changes_during_the_dance():
    faces = [shape_of_face(pose) for pose in draw_dance(3, 3, 12, 7, "waist").poses()]
    assert not any(np.allclose(face, faces[0], atol=1e-3) for face in faces[3:9])


def shape_of_face(pose):
    """Give the face's points about their middle, in its own size."""
    points = pose.face.xy
    return (points - points.mean(axis=0)) / points.std()


def test_the_pictures_are_of_the_person_and_the_keypoints_of_the_driver():
    dance = draw_dance(3, 4, 2, 7, "three_quarter")
    own = draw_dance(3, 3, 2, 7, "three_quarter")
    assert dance.reference == own.reference
    assert dance.scenes == own.scenes
    theirs, ours = (next(each.poses()).body.xy for each in (dance, own))
    assert not np.allclose(theirs, ours, equal_nan=True)


@pytest.mark.parametrize("framing", ["waist", "full"])
def test_a_close_view_leaves_the_feet_out(framing):
    lowest = next(draw_dance(3, 3, 1, 7, framing).poses()).body.xy[:, 1].max()
    assert (lowest <= 1) == (framing == "full")
