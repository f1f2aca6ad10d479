"""Feet and faces of dancers, whose contacts and expressions are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.data.dancers.clips import DancerClip, draw_clip
from magicpose_core.data.dancers.figure import pose_figure
from magicpose_core.data.dancers.footwork import foot_slip
from magicpose_core.data.dancers.landmarks import person_pose
from magicpose_core.pose.keypoints import PoseSequence
from magicpose_core.pose.retarget.align import align
from magicpose_core.pose.retarget.part_ratios import STILL_FACE
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.skeletons import BODY

SIZE = (512, 512)


def dance(index: int, frames: int) -> tuple[DancerClip, PoseSequence]:
    clip = draw_clip(index, frames, framing="full")
    people = tuple(
        (person_pose(clip.dancer.body, posture, pose_figure(clip.dancer.body, posture), view),)
        for posture, view in zip(clip.postures, clip.views, strict=True)
    )
    return clip, PoseSequence(frames=people, width=SIZE[0], height=SIZE[1])


def slip(clip: DancerClip, poses: PoseSequence) -> float:
    """The farthest that a planted foot moves, in percent of the height."""
    body = np.stack([people[0].body.pixels(*SIZE) for people in poses.frames])
    slips = []
    for foot, side in enumerate(("right", "left")):
        ankles = body[:, BODY.index(f"{side}_ankle")] @ np.array([1, 1j])
        slips.append(foot_slip(ankles.tolist(), [planted[foot] for planted in clip.contacts]))
    return 100 * max(slips) / SIZE[1]


@pytest.mark.parametrize(("driver", "person"), [(0, 1), (1, 2), (2, 3)])
def test_planted_feet_slip_at_most_a_quarter_as_far(driver: int, person: int) -> None:
    clip, poses = dance(driver, 120)
    reference = dance(person, 1)[1].frames[0][0]
    loose, planted = (
        align(poses, reference, SIZE, AlignSettings(plant_feet=plant, keep_inside=False)).sequence
        for plant in (False, True)
    )
    assert slip(clip, poses) < 0.01
    assert slip(clip, loose) > 0.1
    assert slip(clip, planted) < 0.25 * slip(clip, loose)


def test_expressions_of_dancers_are_scaled_exactly_and_the_rest_stays() -> None:
    _, poses = dance(0, 24)
    reference = dance(1, 1)[1].frames[0][0]
    faces, bodies = {}, {}
    for strength in (0.0, 1.0, 1.5):
        aligned = align(poses, reference, SIZE, AlignSettings(expression=strength)).sequence
        people = [frame[0] for frame in aligned.frames]
        faces[strength] = np.stack([person.face.pixels(*SIZE) for person in people])
        bodies[strength] = np.stack([person.body.pixels(*SIZE) for person in people])
    own = faces[1.0] - faces[0.0]
    assert np.abs(own).max() > 0.2
    np.testing.assert_allclose(faces[1.5] - faces[0.0], 1.5 * own, atol=1e-3)
    np.testing.assert_allclose(faces[0.0][:, STILL_FACE], faces[1.0][:, STILL_FACE], atol=1e-3)
    np.testing.assert_allclose(bodies[0.0], bodies[1.5], atol=1e-3)
