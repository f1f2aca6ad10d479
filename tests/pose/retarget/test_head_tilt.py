"""A head that is tilted all clip long is set on the neck as the picture's; its nods stay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from magicpose_core.pose.keypoints import Keypoints, PoseSequence
from magicpose_core.pose.retarget.align import align
from magicpose_core.pose.retarget.framing import HEAD
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.skeletons import BODY

from .drawn_people import SIZE, a_clip, pixels

NECK, NOSE = BODY.index("neck"), BODY.index("nose")


def tilted(clip: PoseSequence, degrees: float) -> PoseSequence:
    """Turn all heads and faces clockwise about the neck."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    frames = []
    for (person,) in clip.frames:
        body, face = person.body.pixels(*SIZE).copy(), person.face.pixels(*SIZE)
        neck = body[NECK].copy()
        body[HEAD] = (body[HEAD] - neck) @ turn + neck
        parts = {"body": body, "face": (face - neck) @ turn + neck}
        points = {
            part: Keypoints.from_pixels(places, np.ones(len(places)), *SIZE)
            for part, places in parts.items()
        }
        frames.append((dataclasses.replace(person, **points),))
    return dataclasses.replace(clip, frames=tuple(frames))


def way(clip: PoseSequence) -> np.ndarray:
    body = pixels(clip)["body"]
    return np.unwrap(np.angle((body[:, NOSE] - body[:, NECK]) @ [1, 1j]))


@pytest.mark.parametrize("degrees", [-40, 20])
def test_the_constant_tilt_is_taken_out_and_the_movement_stays(degrees: float) -> None:
    clip = a_clip(50, frames=8)
    reference = clip.frames[0][0]
    aligned = align(tilted(clip, degrees), reference, SIZE, AlignSettings(anchor_frame=0))
    plain = align(clip, reference, SIZE, AlignSettings(anchor_frame=0))
    np.testing.assert_allclose(way(aligned.sequence), way(plain.sequence), atol=0.01)
    face = [pixels(each.sequence)["face"] for each in (aligned, plain)]
    np.testing.assert_allclose(face[0], face[1], atol=0.5)
    assert any("turned by" in note and "head_tilt" in note for note in aligned.notes)


def test_head_tilt_keeps_a_share_of_it() -> None:
    clip = a_clip(51)
    reference, driver = clip.frames[0][0], tilted(clip, 30)
    for kept in (0.5, 1.0):
        chosen = AlignSettings(anchor_frame=0, head_tilt=kept)
        left = way(align(driver, reference, SIZE, chosen).sequence) - way(clip)
        np.testing.assert_allclose(np.rad2deg(left), 30 * kept, atol=0.5)


def test_more_than_45_degrees_are_the_pose() -> None:
    clip = a_clip(52)
    driver = tilted(clip, 80)
    aligned = align(driver, clip.frames[0][0], SIZE, AlignSettings(anchor_frame=0))
    left = way(aligned.sequence) - way(clip)
    np.testing.assert_allclose(np.rad2deg(left), 35, atol=0.5)
