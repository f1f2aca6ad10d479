from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.pose.align import Alignment, AlignSettings, align
from magicpose_core.pose.body_tree import BONES, MID_HIP, NODES
from magicpose_core.pose.figures import Lengths, pose, random_body, random_motion
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import BODY, FACE, HAND

SIZE = (1024, 1024)
FREE = AlignSettings(keep_inside=False)
FIGURES = settings(max_examples=10, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def with_parts(body: np.ndarray, seed: int) -> PersonPose:
    """A person with hands at the wrists, a face at the nose and feet at an ankle, all rigid."""
    generator = np.random.default_rng(seed)

    def around(joint: str, count: int, reach: float) -> Keypoints:
        offsets = generator.uniform(-reach, reach, (count, 2))
        return Keypoints.from_pixels(body[BODY.index(joint)] + offsets, np.ones(count), *SIZE)

    return PersonPose(
        body=Keypoints.from_pixels(body, np.ones(18), *SIZE),
        left_hand=around("left_wrist", 21, 20),
        right_hand=around("right_wrist", 21, 20),
        face=around("nose", 70, 30),
        feet=around("left_ankle", 6, 10),
    )


def a_clip(seed: int, frames: int = 4, body: Lengths | None = None) -> PoseSequence:
    generator = np.random.default_rng(seed)
    body = body or random_body(generator, 400)
    places = pose(body, random_motion(generator, frames, depth=False))[:, :MID_HIP]
    places = places + 500 + generator.uniform(-5, 5, (frames, 1, 2))
    people = tuple((with_parts(frame, seed),) for frame in places)
    return PoseSequence(frames=people, width=SIZE[0], height=SIZE[1])


def pixels(sequence: PoseSequence) -> dict[str, np.ndarray]:
    people = [frame[0] for frame in sequence.frames]
    size = (sequence.width, sequence.height)
    return {
        part: np.stack([getattr(person, part).pixels(*size) for person in people])
        for part in ("body", "left_hand", "right_hand", "face", "feet")
    }


def moved(sequence: PoseSequence, scale: float, shift: tuple[float, float]) -> PoseSequence:
    def move(points: Keypoints) -> Keypoints:
        places = points.pixels(*SIZE)
        return Keypoints.from_pixels((places - 500) * scale + 500 + shift, points.score, *SIZE)

    people = tuple(
        (PersonPose(**{part: move(points) for part, points in frame[0].parts()}),)
        for frame in sequence.frames
    )
    return dataclasses.replace(sequence, frames=people)


def assert_same(one: PoseSequence, other: PoseSequence, atol: float = 1e-2) -> None:
    places = pixels(other)
    for part, expected in pixels(one).items():
        np.testing.assert_allclose(places[part], expected, atol=atol, err_msg=part)


def ratio(alignment: Alignment, kind: str) -> float:
    return next(r.ratio for r in alignment.ratios if r.kind == kind)


def lengths(body: np.ndarray) -> dict[tuple[int, int], float]:
    middle = body[[BODY.index("right_hip"), BODY.index("left_hip")]].mean(axis=0)
    nodes = np.concatenate([body, middle[None]])
    return {
        (b.parent, b.child): float(np.linalg.norm(nodes[b.child] - nodes[b.parent])) for b in BONES
    }


@FIGURES
@given(seed=seeds, anchor=st.sampled_from(["hips", "feet"]))
def test_aligning_to_yourself_changes_nothing(seed: int, anchor: str) -> None:
    clip = a_clip(seed)
    assert_same(clip, align(clip, clip.frames[0][0], SIZE, AlignSettings(anchor=anchor)).sequence)


@FIGURES
@given(seed=seeds)
def test_bones_get_the_references_lengths_and_keep_their_directions(seed: int) -> None:
    clip, reference = a_clip(seed), a_clip(seed + 1, frames=1)
    aligned = pixels(align(clip, reference.frames[0][0], SIZE, FREE).sequence)["body"]
    wanted, own = lengths(pixels(reference)["body"][0]), pixels(clip)["body"]
    for frame in range(len(clip)):
        measured = lengths(aligned[frame])
        for bone in BONES:
            if bone.kind != "head":
                key = (bone.parent, bone.child)
                assert measured[key] == pytest.approx(wanted[key], rel=0.02)
            if bone.parent != MID_HIP:
                before = own[frame, bone.child] - own[frame, bone.parent]
                after = aligned[frame, bone.child] - aligned[frame, bone.parent]
                np.testing.assert_allclose(
                    after / np.linalg.norm(after), before / np.linalg.norm(before), atol=1e-3
                )


@FIGURES
@given(seed=seeds, scale=st.floats(0.6, 1.5), x=st.floats(-90, 90), y=st.floats(-90, 90))
def test_the_drivers_size_and_place_do_not_matter(
    seed: int, scale: float, x: float, y: float
) -> None:
    clip, reference = a_clip(seed), a_clip(seed + 1, frames=1).frames[0][0]
    plain = align(clip, reference, SIZE, FREE).sequence
    assert_same(plain, align(moved(clip, scale, (x, y)), reference, SIZE, FREE).sequence, 0.05)


@FIGURES
@given(seed=seeds, scale=st.floats(0.6, 1.5), x=st.floats(-90, 90), y=st.floats(-90, 90))
def test_the_result_follows_the_references_size_and_place(
    seed: int, scale: float, x: float, y: float
) -> None:
    clip, reference = a_clip(seed), a_clip(seed + 1, frames=1)
    plain = align(clip, reference.frames[0][0], SIZE, FREE).sequence
    larger = moved(reference, scale, (x, y)).frames[0][0]
    expected = moved(plain, scale, (x, y))
    assert_same(expected, align(clip, larger, SIZE, FREE).sequence, 0.05)


@FIGURES
@given(seed=seeds)
def test_mirrored_input_gives_mirrored_output(seed: int) -> None:
    clip, reference = a_clip(seed), a_clip(seed + 1, frames=1).frames[0][0]

    def mirrored(sequence: PoseSequence) -> PoseSequence:
        people = tuple((frame[0].mirrored(),) for frame in sequence.frames)
        return dataclasses.replace(sequence, frames=people)

    plain = mirrored(align(clip, reference, SIZE).sequence)
    # Feet hang on the ankle of their own side, which the mirror swaps as well.
    assert_same(plain, align(mirrored(clip), reference.mirrored(), SIZE).sequence)


@FIGURES
@given(seed=seeds, hidden=st.sets(st.integers(0, 17), max_size=12), scale=st.floats(0.5, 1.9))
def test_hidden_limbs_of_the_reference_never_grow(
    seed: int, hidden: set[int], scale: float
) -> None:
    """Of a person scaled as a whole, every hidden bone gets the scale of the whole."""
    clip = a_clip(seed, frames=1)
    body = moved(clip, scale, (0, 0)).frames[0][0].body
    score = np.where(np.isin(np.arange(18), list(hidden)), 0, body.score)
    reference = PersonPose(body=Keypoints(body.xy, score))
    ratios = {r.kind: r for r in align(clip, reference, SIZE, FREE).ratios}
    # A guessed point of the trunk is a little off, as no body is quite symmetric in its posture.
    sure = [r.ratio for r in ratios.values() if r.source != "measured"]
    measured = [r.ratio for r in ratios.values() if r.source == "measured"]
    assert all(r <= max([*measured, scale]) * 1.001 for r in sure)


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


def test_strength_leads_from_the_driver_to_the_reference() -> None:
    clip, reference = a_clip(9), a_clip(10, frames=1).frames[0][0]

    def at(strength: float) -> np.ndarray:
        chosen = AlignSettings(strength=strength, keep_inside=False)
        return pixels(align(clip, reference, SIZE, chosen).sequence)["body"]

    np.testing.assert_allclose(at(0), pixels(clip)["body"], atol=1e-2)
    way = [np.linalg.norm(at(s) - at(1), axis=-1).mean() for s in (0, 0.25, 0.5, 0.75, 1)]
    assert way == sorted(way, reverse=True)


@pytest.mark.parametrize(("anchor", "joints"), [("hips", "hip"), ("feet", "ankle")])
def test_the_anchor_starts_where_the_reference_has_it(anchor: str, joints: str) -> None:
    clip, reference = a_clip(11), a_clip(12, frames=1)
    chosen = AlignSettings(anchor=anchor, keep_inside=False)
    aligned = align(clip, reference.frames[0][0], SIZE, chosen).sequence
    places = [BODY.index(f"{side}_{joints}") for side in ("left", "right")]
    np.testing.assert_allclose(
        pixels(aligned)["body"][0, places].mean(axis=0),
        pixels(reference)["body"][0, places].mean(axis=0),
        atol=1e-2,
    )


def test_frames_of_another_shape_are_fitted_into_the_picture() -> None:
    clip = a_clip(13)
    wide = align(clip, clip.frames[0][0], (512, 1024), AlignSettings(strength=0)).sequence
    assert (wide.width, wide.height) == (512, 1024)
    expected = pixels(clip)["body"] * 0.5 + (0, 256)
    np.testing.assert_allclose(pixels(wide)["body"], expected, atol=1e-2)


@pytest.mark.parametrize("step", [85, 400])
def test_walkers_stay_inside_the_picture(step: int) -> None:
    """A short walk is shifted back as a whole, a long one is shortened as well."""
    clip, reference = a_clip(14), a_clip(15, frames=1).frames[0][0]
    steps = [
        moved(dataclasses.replace(clip, frames=(f,)), 0.5, (step * i - 200, 0)).frames[0]
        for i, f in enumerate(clip.frames)
    ]
    clip = dataclasses.replace(clip, frames=tuple(steps))
    loose, kept = (
        pixels(align(clip, reference, SIZE, chosen).sequence)["body"] for chosen in (FREE, None)
    )
    assert loose[..., 0].max() > 1024
    assert kept.min() >= -1e-2
    assert kept.max() <= 1024 + 1e-2
    np.testing.assert_allclose(np.ptp(kept, axis=1), np.ptp(loose, axis=1), atol=1e-2)
    walked = [p[-1, :, 0].mean() - p[0, :, 0].mean() for p in (loose, kept)]
    assert walked[1] == pytest.approx(walked[0], rel=1e-3) if step == 85 else walked[1] < walked[0]


def test_joints_that_the_reference_has_outside_may_stay_there() -> None:
    """Detectors guess knees below the edge of a half-length picture."""
    clip, reference = a_clip(14), a_clip(15, frames=1)
    half = moved(reference, 1.8, (0, 250)).frames[0][0]
    assert half.body.xy[BODY.index("left_ankle"), 1] > 1
    kept, loose = (
        pixels(align(clip, half, SIZE, chosen).sequence)["body"] for chosen in (None, FREE)
    )
    assert loose[..., 1].max() > 1024
    np.testing.assert_allclose(kept[..., 1], loose[..., 1], atol=1e-2)


def test_frames_without_people_and_unseen_points_stay_so() -> None:
    clip = a_clip(16)
    person = clip.frames[1][0]
    score = person.body.score.copy()
    score[4] = 0
    gap = dataclasses.replace(person, body=Keypoints(person.body.xy, score), face=None)
    clip = dataclasses.replace(clip, frames=(clip.frames[0], (gap,), (), clip.frames[3]))
    aligned = align(clip, clip.frames[0][0], SIZE).sequence
    assert aligned.frames[2] == ()
    assert aligned.frames[1][0].face is None
    assert aligned.frames[1][0].body.score[4] == 0


def test_portraits_are_placed_by_what_they_show() -> None:
    clip, reference = a_clip(17), a_clip(17, frames=1).frames[0][0]
    upper = [i for i in range(18) if NODES[i].rpartition("_")[2] not in ("hip", "knee", "ankle")]
    body = reference.body
    score = np.where(np.isin(np.arange(18), upper), body.score, 0)
    portrait = PersonPose(body=Keypoints(body.xy, score))
    aligned = pixels(align(clip, portrait, SIZE).sequence)["body"]
    neck = BODY.index("neck")
    np.testing.assert_allclose(aligned[0, neck], body.pixels(*SIZE)[neck], atol=1e-2)


def test_the_inputs_are_left_alone() -> None:
    clip = a_clip(18)
    before = pixels(clip)
    align(clip, a_clip(19, frames=1).frames[0][0], SIZE)
    for part, places in pixels(clip).items():
        np.testing.assert_array_equal(places, before[part])


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


def test_several_people_and_nobody_are_refused() -> None:
    clip = a_clip(22)
    crowd = dataclasses.replace(clip, frames=(clip.frames[0] * 2,))
    with pytest.raises(InputError, match="frame 0 has 2 people; choose one"):
        align(crowd, clip.frames[0][0], SIZE)
    empty = dataclasses.replace(clip, frames=((), ()))
    with pytest.raises(InputError, match="no frame shows a body point"):
        align(empty, clip.frames[0][0], SIZE)


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"strength": 1.1}, "strength must lie in 0..1, got 1.1"),
        ({"anchor": "nose"}, "anchors are"),
        ({"limit": 0.5}, "limit of 1 or more"),
        ({"confident": -1}, "confident in 0..1"),
    ],
)
def test_impossible_settings_are_refused(chosen: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        AlignSettings(**chosen)


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
