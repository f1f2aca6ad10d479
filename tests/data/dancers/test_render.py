"""The painted dancers."""

from dataclasses import replace

import numpy as np
import pytest

from magicpose_core.data.dancers.clips import clip_postures, free_frame, free_frames, free_posture
from magicpose_core.data.dancers.figure import pose_figure
from magicpose_core.data.dancers.paint import Canvas
from magicpose_core.data.dancers.patterns import is_accent
from magicpose_core.data.dancers.person import Place, draw_dancer
from magicpose_core.data.dancers.render import render_dancer
from magicpose_core.data.tiktok import is_near_uniform


def render(index: int, **place: object) -> np.ndarray:
    dancer = draw_dancer(index)
    dancer = replace(dancer, place=replace(dancer.place, **place))
    return render_dancer(dancer, free_posture(index, 0))


def test_pictures_are_the_same_every_time():
    first, second = (next(free_frames(4, 1, "heldout", 128)).picture for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (128, 128, 3)
    assert first.dtype == np.uint8


def test_the_place_is_what_is_behind():
    red = render(0, kind="plain", far=(200, 30, 40))
    assert red[0, 0].tolist() == [200, 30, 40]
    gradient = render(0, kind="gradient", far=(0, 0, 0), near=(255, 255, 255))
    column = gradient[:, 0, 0].astype(int)
    assert (np.diff(column) >= 0).all()
    horizon = render(0, kind="horizon", far=(9, 9, 9), near=(90, 90, 90), horizon=0.75)
    assert horizon[90, 0].tolist() == [9, 9, 9]
    assert horizon[100, 0].tolist() == [90, 90, 90]


@pytest.mark.parametrize("index", range(12))
def test_the_hand_is_where_its_keypoint_says(index):
    dancer, posture = draw_dancer(index), free_posture(index, 0)
    black, white = (
        render_dancer(replace(dancer, place=Place(kind="plain", far=c, near=c, horizon=1)), posture)
        for c in ((0, 0, 0), (255, 255, 255))
    )
    person = np.abs(black.astype(int) - white).max(axis=2) < 128
    figure = pose_figure(dancer.body, posture)
    for joint in (figure.head, figure.neck, figure.right_arm.wrist, figure.left_leg.knee):
        x, y = round(joint.real * 128), round(joint.imag * 128)
        assert person[min(y, 127), min(x, 127)]


def test_size_changes_the_sampling_and_not_the_picture():
    small = render_dancer(draw_dancer(1), free_posture(1, 0), 64).astype(float)
    large = render_dancer(draw_dancer(1), free_posture(1, 0), 128).astype(float)
    reduced = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - reduced).mean() < 4


def test_the_clothes_follow_the_body():
    dancer = draw_dancer(0)
    dancer = replace(
        dancer,
        outfit=replace(dancer.outfit, top=(250, 0, 0), pattern="halves", accent=(0, 0, 250)),
    )
    posture = free_posture(0, 0)._replace(turn=0.0, lean=0.15)
    figure = pose_figure(dancer.body, posture)
    picture = render_dancer(dancer, posture)
    middle = figure.pelvis + 0.5 * (figure.neck - figure.pelvis)
    side = 0.04 * figure.up * 1j
    left, right = middle - side, middle + side
    assert picture[round(left.imag * 128), round(left.real * 128)].argmax() == 0
    assert picture[round(right.imag * 128), round(right.real * 128)].argmax() == 2


def test_a_clip_is_smooth_and_closes():
    postures = clip_postures(0, 24)
    dancer = draw_dancer(0, "heldout")
    pictures = [render_dancer(dancer, posture, 64).astype(float) for posture in postures]
    steps = [
        np.abs(after - before).mean()
        for before, after in zip(pictures, [*pictures[1:], pictures[0]], strict=True)
    ]
    assert max(steps) < 12
    assert len({picture.tobytes() for picture in pictures}) == 24


@pytest.mark.parametrize("framing", ["mixed", "full"])
def test_training_refuses_no_frame_as_nearly_of_one_colour(framing):
    pictures = [free_frame(index, 0, "train", 64, framing).picture for index in range(72)]
    assert not any(is_near_uniform(picture, 0.8) for picture in pictures)


@pytest.mark.parametrize("pattern", ["stripes", "pinstripes", "dots", "checks", "emblem", "halves"])
def test_a_pattern_has_both_colours(pattern):
    y, x = np.mgrid[0:1:50j, -0.3:0.3:50j]
    share = is_accent(pattern, x, y).mean()
    assert 0.1 < share < 0.7


def test_a_disc_has_its_area():
    canvas = Canvas(np.zeros((256, 256, 3), np.uint8))
    canvas.disc(0.5 + 0.5j, 0.25, (255, 255, 255))
    assert canvas.finished()[..., 0].mean() / 255 == pytest.approx(np.pi * 0.25**2, rel=0.02)


def test_shapes_beyond_the_edge_are_cut():
    canvas = Canvas(np.zeros((64, 64, 3), np.uint8))
    canvas.limb((-0.5 + 0.5j, 1.5 + 0.5j), (0.1, 0.1), (255, 0, 0))
    canvas.cloth(
        np.array([1.5 + 1.5j, 2 + 1.5j, 2 + 2j]),
        (0j, 1 + 0j),
        lambda x, y: np.ones(x.shape, bool),
        (0, 255, 0),
    )
    finished = canvas.finished()
    assert finished[16, :, 0].min() == 255
    assert finished[..., 1].max() == 0
