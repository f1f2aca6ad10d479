from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from magicpose_core.errors import InputError
from magicpose_core.pose.draw import draw_poses, scale_for, shows_face, size_warning
from magicpose_core.pose.draw_style import DrawStyle
from magicpose_core.pose.keypoints import Keypoints, PersonPose
from magicpose_core.pose.skeletons import BODY, FACE, HAND

MakePerson = Callable[..., PersonPose]
EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "examples" / "pose_sequence"


def body_with(places: dict[str, tuple[float, float]]) -> Keypoints:
    xy, score = np.zeros((len(BODY), 2)), np.zeros(len(BODY))
    for joint, place in places.items():
        xy[BODY.index(joint)], score[BODY.index(joint)] = place, 1
    return Keypoints(xy, score)


def everywhere(make_person: MakePerson, seed: int) -> PersonPose:
    return make_person(np.random.default_rng(seed), missing=0.0)


def openpose_drawing(people: list[PersonPose], height: int, width: int) -> np.ndarray:
    """Draw with controlnet_aux, the oracle; an absent hand or face point lies at -1 there."""
    open_pose = pytest.importorskip("controlnet_aux.open_pose", reason="needs controlnet-aux")
    pytest.importorskip("matplotlib.colors", reason="controlnet-aux draws hands with matplotlib")
    from controlnet_aux.open_pose.body import BodyResult, Keypoint

    def listed(points: Keypoints | None, gap: object) -> list[object] | None:
        if points is None:
            return None
        return [
            Keypoint(x=x, y=y) if score > 0 else gap
            for (x, y), score in zip(points.xy, points.score, strict=True)
        ]

    gone = Keypoint(x=-1, y=-1)
    results = [
        open_pose.PoseResult(
            BodyResult(listed(person.body, None), 0, 0),
            listed(person.left_hand, gone),
            listed(person.right_hand, gone),
            listed(person.face, gone),
        )
        for person in people
    ]
    return open_pose.draw_poses(results, height, width)


@pytest.mark.parametrize(("height", "width"), [(512, 512), (711, 400), (256, 384), (64, 48)])
def test_every_pixel_equals_controlnet_aux(
    make_person: MakePerson, height: int, width: int
) -> None:
    generator = np.random.default_rng(height)
    style = DrawStyle(turned_faces=True)
    for _ in range(25):
        people = [make_person(generator) for _ in range(generator.integers(0, 4))]
        expected = openpose_drawing(people, height, width)
        np.testing.assert_array_equal(draw_poses(people, height, width, style), expected)


def test_limb_is_a_shaded_ellipse_between_two_discs() -> None:
    person = PersonPose(body=body_with({"neck": (0.5, 0.25), "nose": (0.5, 0.75)}))
    drawn = draw_poses([person], 101, 101)
    assert drawn[50, 50].tolist() == [0, 0, int(255 * 0.6)]
    assert drawn[75, 50].tolist() == [255, 0, 0]
    assert drawn[25, 50].tolist() == [255, 85, 0]
    assert np.flatnonzero(drawn[50].any(axis=1)).tolist() == list(range(46, 55))


def test_nobody_is_a_black_map() -> None:
    assert not draw_poses([], 32, 48).any()
    assert draw_poses([], 32, 48).shape == (32, 48, 3)


def test_parts_are_switched_alone(make_person: MakePerson) -> None:
    person = everywhere(make_person, 3)
    parts = {
        part: draw_poses(
            [person], 256, 256, DrawStyle(**{p: p == part for p in ("body", "hands", "face")})
        )
        for part in ("body", "hands", "face")
    }
    assert all(drawn.any() for drawn in parts.values())
    assert set(np.unique(parts["face"])) == {0, 255}
    hidden = DrawStyle(body=False, hands=False, face=False)
    assert not draw_poses([person], 256, 256, hidden).any()
    bare = PersonPose(body=person.body)
    np.testing.assert_array_equal(draw_poses([bare], 256, 256), parts["body"])


def test_points_below_the_threshold_are_left_out() -> None:
    body = body_with({"neck": (0.5, 0.2), "nose": (0.5, 0.8)})
    doubtful = Keypoints(body.xy, body.score * 0.4)
    assert draw_poses([PersonPose(body=doubtful)], 64, 64, DrawStyle(score_threshold=0.4)).any()
    assert not draw_poses(
        [PersonPose(body=doubtful)], 64, 64, DrawStyle(score_threshold=0.41)
    ).any()


def test_absent_points_are_left_out_at_threshold_zero() -> None:
    person = PersonPose(body=Keypoints.absent(18), left_hand=Keypoints.absent(21))
    assert not draw_poses([person], 64, 64, DrawStyle(score_threshold=0)).any()


def test_face_of_a_turned_head_is_left_out(make_person: MakePerson) -> None:
    face = everywhere(make_person, 5).face
    back = PersonPose(body=body_with({"neck": (0.5, 0.5), "left_ear": (0.4, 0.4)}), face=face)
    side = PersonPose(body=body_with({"neck": (0.5, 0.5), "left_eye": (0.4, 0.4)}), face=face)
    only_face = PersonPose(body=Keypoints.absent(18), face=face)
    assert [shows_face(person, 0.3) for person in (back, side, only_face)] == [False, True, True]
    face_alone = DrawStyle(body=False)
    assert not draw_poses([back], 64, 64, face_alone).any()
    assert draw_poses([side], 64, 64, face_alone).any()


def test_scale_thins_small_maps_and_keeps_them_alike(make_person: MakePerson) -> None:
    person = everywhere(make_person, 11)
    large = draw_poses([person], 512, 512, DrawStyle(hands=False, face=False))
    small = draw_poses(
        [person], 128, 128, DrawStyle(hands=False, face=False, line_scale=scale_for(128, 128))
    )
    covered = [drawn.any(axis=2).mean() for drawn in (large, small)]
    assert scale_for(128, 128) == 0.25
    assert covered[1] == pytest.approx(covered[0], rel=0.5)  # a line is at least 3 pixels wide
    unscaled = draw_poses([person], 128, 128, DrawStyle(hands=False, face=False))
    assert unscaled.any(axis=2).mean() > 2 * covered[0]


def test_small_maps_are_told_of_with_the_scale_that_fits() -> None:
    """Faces on maps of 176 x 144 once became white blobs, without a word."""
    assert "set line_scale to 0.28" in size_warning(144, 176, DrawStyle())
    assert size_warning(144, 176, DrawStyle(line_scale=0.28)) == ""
    assert size_warning(512, 288, DrawStyle()) == ""


def test_drawing_leaves_the_keypoints_alone(make_person: MakePerson) -> None:
    person = everywhere(make_person, 13)
    before = person.body.xy.copy()
    draw_poses([person], 64, 64)
    np.testing.assert_array_equal(person.body.xy, before)


@pytest.mark.parametrize(
    ("settings", "text"), [({"score_threshold": 1.5}, "0..1"), ({"line_scale": 0.0}, "above 0")]
)
def test_impossible_styles_are_refused(settings: dict[str, float], text: str) -> None:
    with pytest.raises(InputError, match=text):
        DrawStyle(**settings)


@pytest.mark.skipif(not EXAMPLES.exists(), reason="needs the example maps in ../shared")
def test_the_example_maps_have_our_colours_and_our_discs() -> None:
    colors = [*BODY.limb_colors, *BODY.joint_colors, *HAND.limb_colors, *HAND.joint_colors]
    packing = np.array([1 << 16, 1 << 8, 1])
    ours = np.array([(0, 0, 0), *colors, *FACE.joint_colors]) @ packing
    dot = PersonPose(
        body=Keypoints.absent(18), face=Keypoints(np.full((70, 2), 0.5), np.arange(70) == 0)
    )
    disc = draw_poses([dot], 32, 32).any(axis=2)
    maps = sorted(EXAMPLES.rglob("*.png"))[::20]
    assert len(maps) >= 5
    for path in maps:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert np.isin(pixels @ packing, ours).all()
        spots, labels = cv2.connectedComponents((pixels == 255).all(axis=2).astype(np.uint8))
        areas = [(labels == spot).sum() for spot in range(1, spots)]
        assert min(areas) <= disc.sum()
        assert disc.sum() in areas


def test_places_beyond_all_pictures_and_wild_scales_do_no_harm() -> None:
    xy = np.full((18, 2), 0.5)
    xy[0] = 1e12, -1e20
    far = PersonPose(body=Keypoints(xy, np.ones(18)))
    assert draw_poses([far], 64, 64).any()
    with pytest.raises(InputError, match="above 0 and up to 100"):
        DrawStyle(line_scale=1e9)
