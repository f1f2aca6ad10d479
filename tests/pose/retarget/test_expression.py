"""Expression, head size, zoom and shift: exactly what was asked for, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.evaluation.chibi import chibi
from magicpose_core.pose.retarget.align import align
from magicpose_core.pose.retarget.expression import scale_expression
from magicpose_core.pose.retarget.part_ratios import STILL_FACE
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.skeletons import BODY, FACE

from .drawn_people import SIZE, a_clip, pixels

MOUTH, PUPIL = FACE.index("outer_lips_3"), FACE.index("left_pupil_0")
OPENING = np.array([0, 0, 5, 12, 5, 0, 0])  # pixels by frame; mostly closed


def speaking() -> np.ndarray:
    """A face that opens its mouth once while the head turns, grows and moves."""
    face = chibi()[0].face.pixels(640, 960)
    frames = []
    for index, opening in enumerate(OPENING):
        now = face.copy()
        now[MOUTH, 1] += opening
        now[PUPIL, 0] += index
        angle, scale = 0.1 * index, 1 + 0.05 * index
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        frames.append(now @ turn.T + (7 * index, 3))
    return np.array(frames)


@pytest.mark.parametrize("strength", [0, 0.5, 1, 1.5])
def test_offsets_from_the_neutral_face_are_scaled_exactly_and_the_rest_stays(
    strength: float,
) -> None:
    face, seen = speaking(), np.ones((len(OPENING), 70), bool)
    closed = scale_expression(face, seen, 0)
    scaled = scale_expression(face, seen, strength)
    own, now = face - closed, scaled - closed
    np.testing.assert_allclose(now[:, MOUTH], strength * own[:, MOUTH], atol=1e-9)
    lengths = np.linalg.norm(own[:, MOUTH], axis=-1)
    np.testing.assert_allclose(lengths, OPENING * (1 + 0.05 * np.arange(len(OPENING))), atol=1e-6)
    rest = np.setdiff1d(np.arange(70), [MOUTH])
    np.testing.assert_allclose(scaled[:, rest], face[:, rest], atol=1e-6)
    assert {PUPIL, *STILL_FACE} <= set(rest)


def test_unseen_points_and_single_frames_are_left_alone() -> None:
    face, seen = speaking(), np.ones((len(OPENING), 70), bool)
    seen[3, MOUTH] = False
    seen[4, STILL_FACE[0]] = False
    scaled = scale_expression(face, seen, 0)
    np.testing.assert_array_equal(scaled[3, MOUTH], face[3, MOUTH])
    np.testing.assert_array_equal(scaled[4], face[4])
    np.testing.assert_allclose(scale_expression(face[3:4], seen[:1], 0), face[3:4], atol=1e-9)


def test_head_size_grows_the_head_about_the_nose_and_nothing_else() -> None:
    clip = a_clip(40)
    plain, large = (
        pixels(align(clip, clip.frames[0][0], SIZE, AlignSettings(head_size=size)).sequence)
        for size in (1, 2)
    )
    nose = BODY.index("nose")
    head = [BODY.index(f"{side}_{part}") for side in ("left", "right") for part in ("eye", "ear")]
    rest = np.setdiff1d(np.arange(18), head)
    np.testing.assert_allclose(large["body"][:, rest], plain["body"][:, rest], atol=1e-2)
    for before, after in (
        (plain["face"], large["face"]),
        (plain["body"][:, head], large["body"][:, head]),
    ):
        anchor = plain["body"][:, [nose]]
        np.testing.assert_allclose(after - anchor, 2 * (before - anchor), atol=5e-2)


def test_zoom_and_shift_move_the_aligned_person() -> None:
    clip = a_clip(41)
    settings = AlignSettings(zoom=0.5, shift_x=0.25, shift_y=-0.125)
    plain = pixels(align(clip, clip.frames[0][0], SIZE).sequence)
    moved = pixels(align(clip, clip.frames[0][0], SIZE, settings).sequence)
    for part, places in plain.items():
        expected = (places - 512) * 0.5 + 512 + (256, -128)
        np.testing.assert_allclose(moved[part], expected, atol=1e-2)
