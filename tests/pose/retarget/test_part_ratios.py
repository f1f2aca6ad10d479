"""How long each part becomes: measured, hidden, doubtful and foreshortened ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magicpose_core.pose.keypoints import Keypoints, PersonPose
from magicpose_core.pose.retarget.align import align
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.skeletons import BODY, FACE, HAND

from .drawn_people import FIGURES, FREE, SIZE, a_clip, assert_same, moved, pixels, ratio, seeds


@FIGURES
@given(seed=seeds, hidden=st.sets(st.integers(0, 17), max_size=12), scale=st.floats(0.5, 1.9))
def test_hidden_limbs_of_the_reference_never_grow_far(
    seed: int, hidden: set[int], scale: float
) -> None:
    """Of a person scaled as a whole, no hidden bone gets much more than that scale."""
    clip = a_clip(seed, frames=1)
    body = moved(clip, scale, (0, 0)).frames[0][0].body
    score = np.where(np.isin(np.arange(18), list(hidden)), 0, body.score)
    reference = PersonPose(body=Keypoints(body.xy, score))
    ratios = {r.kind: r for r in align(clip, reference, SIZE, FREE).ratios}
    measured = [r.ratio for r in ratios.values() if r.source == "measured"]
    others = [r.ratio for r in ratios.values() if r.source != "measured"]
    # A guessed point of the trunk is a little off, as no body is quite symmetric in its posture.
    assert all(r <= max([*measured, 1.1 * scale]) * 1.001 for r in others)


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.99, 0.99)])
def test_doubtful_points_of_the_reference_make_no_gorilla_arms(place: tuple[float, float]) -> None:
    clip = a_clip(3)
    sure = clip.frames[0][0].body
    elbow = BODY.index("left_elbow")
    xy, score = sure.xy.copy(), sure.score.copy()
    xy[elbow], score[elbow] = place, 0.2
    reference = PersonPose(body=Keypoints(xy, score))
    alignment = align(clip, reference, SIZE, FREE)
    assert ratio(alignment, "upper_arm") == pytest.approx(1, abs=0.02)
    assert ratio(alignment, "forearm") == pytest.approx(1, abs=0.02)


def test_one_foreshortened_side_takes_the_length_of_the_other() -> None:
    clip = a_clip(5)
    person = clip.frames[0][0]
    places = person.body.pixels(*SIZE).copy()
    elbow, wrist = BODY.index("left_elbow"), BODY.index("left_wrist")
    places[wrist] = places[elbow] + 0.3 * (places[wrist] - places[elbow])
    reference = PersonPose(body=Keypoints.from_pixels(places, np.ones(18), *SIZE))
    assert ratio(align(clip, reference, SIZE, FREE), "forearm") == pytest.approx(1, abs=0.02)


def test_ratios_far_from_the_whole_person_are_clamped() -> None:
    clip = a_clip(6, frames=1)
    places = clip.frames[0][0].body.pixels(*SIZE).copy()
    for side in ("left", "right"):
        elbow, wrist = BODY.index(f"{side}_elbow"), BODY.index(f"{side}_wrist")
        places[wrist] = places[elbow] + 5 * (places[wrist] - places[elbow])
    reference = PersonPose(body=Keypoints.from_pixels(places, np.ones(18), *SIZE))
    alignment = align(clip, reference, SIZE, AlignSettings(limit=1.5, keep_inside=False))
    forearm = next(r for r in alignment.ratios if r.kind == "forearm")
    assert (forearm.source, forearm.ratio) == ("clamped", pytest.approx(1.5, rel=0.02))


def test_expression_is_kept_and_the_face_gets_the_references_size() -> None:
    clip, reference = a_clip(7), a_clip(7, frames=1)
    larger = moved(reference, 1.4, (0, 0)).frames[0][0]
    before, after = pixels(clip)["face"], pixels(align(clip, larger, SIZE, FREE).sequence)["face"]
    factor = (
        np.linalg.norm(after - after[:, :1], axis=-1)[:, 1:]
        / np.linalg.norm(before - before[:, :1], axis=-1)[:, 1:]
    )
    np.testing.assert_allclose(factor, factor[0, 0], rtol=1e-3)
    directions = [(p - p[:, :1])[:, 1:] for p in (before, after)]
    np.testing.assert_allclose(directions[1], directions[0] * factor[0, 0], atol=0.05)


def test_hands_have_a_ratio_of_their_own_and_stay_on_the_wrists() -> None:
    clip = a_clip(8)
    person = clip.frames[0][0]
    small = {}
    for side in ("left", "right"):
        wrist = person.body.pixels(*SIZE)[BODY.index(f"{side}_wrist")]
        hand = getattr(person, f"{side}_hand").pixels(*SIZE)
        small[f"{side}_hand"] = Keypoints.from_pixels(
            wrist + 0.7 * (hand - wrist), np.ones(21), *SIZE
        )
    alignment = align(clip, dataclasses.replace(person, **small), SIZE, FREE)
    assert ratio(alignment, "forearm") == pytest.approx(1, abs=1e-3)
    assert ratio(alignment, "hands") == pytest.approx(0.7, abs=1e-3)
    before, after = pixels(clip), pixels(alignment.sequence)
    for hand, joint in (("left_hand", "left_wrist"), ("right_hand", "right_wrist")):
        root = BODY.index(joint)
        expected = ratio(alignment, "hands") * (before[hand] - before["body"][:, [root]])
        np.testing.assert_allclose(after[hand] - after["body"][:, [root]], expected, atol=0.05)


def test_report_lists_every_ratio_and_where_it_is_from() -> None:
    clip = a_clip(20)
    reference = PersonPose(body=clip.frames[0][0].body)
    lines = align(clip, reference, SIZE).report().splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["whole", "torso", "hips"]
    assert any(line.startswith("hands") and line.endswith("whole person") for line in lines)


def test_nothing_to_measure_keeps_the_drivers_size(caplog: pytest.LogCaptureFixture) -> None:
    clip = a_clip(21)
    nobody = PersonPose(body=Keypoints.absent(18))
    alignment = align(clip, nobody, SIZE)
    assert_same(clip, alignment.sequence)
    assert {(r.ratio, r.source) for r in alignment.ratios} == {(1.0, "unknown")}
    assert "share no bone" in caplog.text


def test_parts_without_their_joint_follow_the_nearest_one() -> None:
    clip = a_clip(23, frames=1)
    person = clip.frames[0][0]
    score = person.body.score.copy()
    score[[BODY.index("left_ankle"), BODY.index("left_knee")]] = 0
    bare = dataclasses.replace(person, body=Keypoints(person.body.xy, score))
    clip = dataclasses.replace(clip, frames=((bare,),))
    aligned = align(clip, person, SIZE).sequence.frames[0][0]
    np.testing.assert_allclose(aligned.feet.xy, person.feet.xy, atol=1e-4)


def test_hands_stand_in_for_unseen_wrists() -> None:
    clip = a_clip(24)
    person = clip.frames[0][0]
    wrist = BODY.index("left_wrist")
    hand = person.left_hand.xy.copy()
    hand[HAND.index("wrist")] = person.body.xy[wrist]
    score = person.body.score.copy()
    score[wrist] = 0
    reference = PersonPose(
        body=Keypoints(person.body.xy, score * (np.arange(18) != BODY.index("right_wrist"))),
        left_hand=Keypoints(hand, np.ones(21)),
    )
    forearm = next(r for r in align(clip, reference, SIZE).ratios if r.kind == "forearm")
    assert (forearm.source, forearm.ratio) == ("measured", pytest.approx(1, rel=0.01))
    assert FACE.index("nose_bridge_3") == 30


@pytest.mark.parametrize(
    "seen", [("right_shoulder", "right_hip"), ("left_shoulder", "right_hip"), ("neck", "right_hip")]
)
def test_torsos_are_measured_by_what_is_seen_of_them(seen: tuple[str, str]) -> None:
    clip = a_clip(25, frames=1)
    body = moved(clip, 0.7, (0, 0)).frames[0][0].body
    hidden = [
        BODY.index(joint)
        for joint in ("neck", "left_shoulder", "right_shoulder", "left_hip", "right_hip")
        if joint not in seen
    ]
    if "neck" in seen:
        hidden.remove(BODY.index("right_shoulder"))
    score = np.where(np.isin(np.arange(18), hidden), 0, body.score)
    reference = PersonPose(body=Keypoints(body.xy, score))
    torso = next(r for r in align(clip, reference, SIZE, FREE).ratios if r.kind == "torso")
    assert (torso.source, torso.ratio) == ("measured", pytest.approx(0.7, rel=0.03))


@pytest.mark.filterwarnings("error")
def test_people_shrunk_to_a_point_break_nothing() -> None:
    point = PersonPose(body=Keypoints(np.full((18, 2), 0.5), np.ones(18)))
    clip = dataclasses.replace(a_clip(26), frames=((point,),) * 2)
    aligned = align(clip, a_clip(26, frames=1).frames[0][0], SIZE).sequence
    assert np.isfinite(aligned.frames[0][0].body.xy).all()
    aligned = align(a_clip(26), point, SIZE).sequence
    assert np.isfinite(aligned.frames[0][0].body.xy).all()
