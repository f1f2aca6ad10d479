"""What part of the world a picture shows."""

import numpy as np
import pytest

from magicpose_core.data.dancers.clips import dancer_frame, dancer_view, draw_clip, free_scene
from magicpose_core.data.dancers.figure import pose_figure
from magicpose_core.data.dancers.landmarks import face_box
from magicpose_core.data.dancers.person import draw_dancer
from magicpose_core.data.dancers.render import render_dancer
from magicpose_core.data.dancers.view import FULL_LENGTH, View, draw_view
from magicpose_core.pose.skeletons import BODY

CLOSE = View(centre=0.5 + 0.25j, zoom=2.0)


def test_the_picture_of_a_view_and_its_world_are_inverse():
    points = np.array([0.1 + 0.2j, 0.9 + 0.4j])
    assert CLOSE.to_world(CLOSE.to_picture(points)) == pytest.approx(points)
    assert CLOSE.to_picture(0.5 + 0.25j) == 0.5 + 0.5j
    assert FULL_LENGTH.to_picture(0.3 + 0.7j) == pytest.approx(0.3 + 0.7j)


def test_a_close_view_is_a_part_of_the_full_one():
    scene = free_scene(3, 0, "heldout", "full")
    full = render_dancer(scene.dancer, scene.posture, 256).astype(float)
    close = render_dancer(scene.dancer, scene.posture, 128, View(centre=0.5 + 0.25j, zoom=2.0))
    assert np.abs(full[:128, 64:192] - close).mean() < 4


def test_keypoints_go_with_the_view():
    scene = free_scene(3, 0, "heldout", "full")
    full = scene.frame(64).pose
    close = dancer_frame(scene.dancer, scene.posture, 64, CLOSE).pose
    there = CLOSE.to_picture(full.body.xy @ np.array([1, 1j]))
    assert close.body.xy @ np.array([1, 1j]) == pytest.approx(there, abs=1e-6)
    assert np.array_equal(close.body.score, full.body.score)


@pytest.mark.parametrize(
    ("shot", "low", "high"), [("three_quarter", 0.26, 0.34), ("waist", 0.34, 0.45)]
)
def test_heads_in_close_views_have_their_share_of_the_height(shot, low, high):
    for index in range(30):
        body = draw_dancer(index, build="usual").body
        view = draw_view(body, shot, np.random.default_rng(index))
        assert low <= view.zoom * body.head * body.height <= high


def test_the_head_of_a_usual_dancer_is_in_the_picture():
    for index in range(60):
        scene = free_scene(index, 0, "heldout")
        figure = pose_figure(scene.dancer.body, scene.posture)
        place = scene.view.to_picture(figure.head)
        assert 0.1 < place.real < 0.9
        assert 0.1 < place.imag < 0.6


def test_all_framings_come_up_and_stay_with_the_person():
    zooms = [free_scene(index, 0, "train").view.zoom for index in range(80)]
    assert 0.15 < np.mean([zoom == 1 for zoom in zooms]) < 0.5
    assert max(zooms) > 1.7
    for index in range(5):
        views = {free_scene(index, frame, "train").view for frame in range(3)}
        assert views == {dancer_view(draw_dancer(index).body, index, "train", "mixed")}


def test_face_points_of_a_waist_up_map_are_apart():
    """At 512 pixels, where maps are drawn, the dots of a lid have a radius of 3."""
    lids = slice(36, 42)
    for index in range(20):
        scene = free_scene(index, 0, "heldout", "waist")
        posture = scene.posture._replace(blink=0.0, turn=0.0)
        face = dancer_frame(scene.dancer, posture, 64, scene.view).pose.face
        lid = face.xy[lids] * 512
        assert np.linalg.norm(lid - np.roll(lid, 1, axis=0), axis=1).min() > 7


def test_a_pan_moves_the_picture_and_not_the_world():
    still, panned = (draw_clip(1, 4, framing="waist", pan=pan) for pan in (0j, 0.2 + 0j))
    assert still.postures == panned.postures
    nose = BODY.index("nose")
    places = [[frame.pose.body.xy[nose] for frame in clip.frames(64)] for clip in (still, panned)]
    moved = np.array(places[0]) - np.array(places[1])
    expected = np.arange(4)[:, None] / 4 * [0.2 * still.views[0].zoom, 0]
    assert moved == pytest.approx(expected, abs=1e-6)


def test_the_box_of_a_face_is_around_its_points_and_in_the_picture():
    scene = free_scene(0, 0, "heldout", "waist")
    pose = scene.frame(64).pose
    rows, columns = face_box(pose, 64)
    x, y = (pose.face.xy * 64).T
    assert columns.start <= x.min() <= x.max() <= columns.stop
    assert rows.start <= y.min() <= y.max() <= rows.stop
    beyond = dancer_frame(scene.dancer, scene.posture, 64, View(centre=5 + 5j)).pose
    assert face_box(beyond, 64) == (slice(0, 1), slice(0, 1))
