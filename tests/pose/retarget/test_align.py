"""Where aligned people stand, and what alignment leaves as it was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.retarget.align import align
from magicpose_core.pose.retarget.body_tree import BONES, MID_HIP, NODES
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.skeletons import BODY

from .drawn_people import FIGURES, FREE, SIZE, a_clip, assert_same, lengths, moved, pixels, seeds


@FIGURES
@given(seed=seeds, anchor=st.sampled_from(["auto", "neck", "hips", "feet"]))
def test_aligning_to_yourself_changes_nothing(seed: int, anchor: str) -> None:
    clip = a_clip(seed)
    assert_same(clip, align(clip, clip.frames[0][0], SIZE, AlignSettings(anchor=anchor)).sequence)


@FIGURES
@given(seed=seeds)
def test_bones_get_the_references_lengths_and_keep_their_directions(seed: int) -> None:
    clip, reference = a_clip(seed), a_clip(seed + 1, frames=1)
    kept = dataclasses.replace(FREE, head_tilt=1.0)
    aligned = pixels(align(clip, reference.frames[0][0], SIZE, kept).sequence)["body"]
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


def test_strength_leads_from_the_driver_to_the_reference() -> None:
    clip, reference = a_clip(9), a_clip(10, frames=1).frames[0][0]

    def at(strength: float) -> np.ndarray:
        chosen = AlignSettings(strength=strength, keep_inside=False)
        return pixels(align(clip, reference, SIZE, chosen).sequence)["body"]

    np.testing.assert_allclose(at(0), pixels(clip)["body"], atol=1e-2)
    way = [np.linalg.norm(at(s) - at(1), axis=-1).mean() for s in (0, 0.25, 0.5, 0.75, 1)]
    assert way == sorted(way, reverse=True)


@pytest.mark.parametrize(
    ("anchor", "joints"), [("hips", "hip"), ("feet", "ankle"), ("neck", "shoulder")]
)
def test_the_anchor_stands_where_the_reference_has_it(anchor: str, joints: str) -> None:
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


HEAD = [BODY.index(f"{side}{part}") for side in ("left_", "right_") for part in ("eye", "ear")]
CLOSE_UP = [i for i in range(18) if NODES[i].rpartition("_")[2] not in ("hip", "knee", "ankle")]


def a_walk(seed: int, step: float, frames: int = 60) -> PoseSequence:
    """A figure that keeps its pose and walks to the right."""
    clip = a_clip(seed, frames=1)
    steps = [moved(clip, 0.5, (step * i - 200, 0)).frames[0] for i in range(frames)]
    return dataclasses.replace(clip, frames=tuple(steps))


def close_up_of(person: PersonPose, scale: float = 1.0) -> PersonPose:
    """The upper half of a person, without hands."""
    body = person.body
    score = np.where(np.isin(np.arange(18), CLOSE_UP), body.score, 0)
    middle = (0.5, 0.35)
    return PersonPose(body=Keypoints((body.xy - middle) * scale + middle, score))


def test_walkers_keep_their_head_in_the_picture_and_start_where_the_reference_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reference = a_clip(15, frames=1).frames[0][0]
    clip = a_walk(14, 40)
    loose, kept = (
        align(clip, reference, SIZE, AlignSettings(anchor="neck", keep_inside=inside))
        for inside in (False, True)
    )
    assert "the head is outside the picture in" in loose.report()
    assert "of 60 frames; set walk to 0, or keep_inside" in caplog.text
    assert "the walk is shortened to" in kept.report()
    places, free = (pixels(a.sequence)["body"] for a in (kept, loose))
    assert places[:, HEAD].min() >= -1e-2
    assert places[:, HEAD].max() <= 1024 + 1e-2
    np.testing.assert_allclose(np.ptp(places, axis=1), np.ptp(free, axis=1), atol=1e-2)
    neck = BODY.index("neck")
    np.testing.assert_allclose(places[0, neck], reference.body.pixels(*SIZE)[neck], atol=1e-2)


def test_how_far_single_frames_are_held_inside_is_told_in_pixels() -> None:
    """A jump of a tenth of a second is no walk: it is held where the head would leave."""
    reference = a_clip(15, frames=1).frames[0][0]
    still, jump = a_walk(14, 0), moved(a_clip(14, frames=1), 0.5, (-200, -900)).frames[0]
    frames = (*still.frames[:30], jump, jump, jump, *still.frames[33:])
    clip = dataclasses.replace(still, frames=frames)
    loose, kept = (
        align(clip, reference, SIZE, AlignSettings(anchor="neck", walk=0, keep_inside=inside))
        for inside in (False, True)
    )
    ways = pixels(kept.sequence)["body"][:, 0] - pixels(loose.sequence)["body"][:, 0]
    held = np.linalg.norm(ways, axis=-1)
    assert held[31] > 100
    said = f"{(held > 0.5).sum()} of 60 frames are moved by up to {held.max():.0f} pixels"
    assert said in kept.report()


@pytest.mark.parametrize(("walk", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_walk_takes_the_way_out_and_leaves_the_sway(walk: float, share: float) -> None:
    reference = a_clip(15, frames=1).frames[0][0]
    clip = a_walk(14, 5, frames=90)
    bounce = [moved(dataclasses.replace(clip, frames=(f,)), 1, (0, 8 * (-1) ** i)).frames[0]
              for i, f in enumerate(clip.frames)]  # fmt: skip
    clip = dataclasses.replace(clip, frames=tuple(bounce))
    chosen = AlignSettings(walk=walk, keep_inside=False)
    full = pixels(align(clip, reference, SIZE, FREE).sequence)["body"][:, 1]
    neck = pixels(align(clip, reference, SIZE, chosen).sequence)["body"][:, 1]
    assert neck[-1, 0] - neck[0, 0] == pytest.approx(share * (full[-1, 0] - full[0, 0]), abs=2)
    np.testing.assert_allclose(np.diff(neck[:, 1]), np.diff(full[:, 1]), atol=1)


def test_a_tilted_head_shares_its_error_between_neck_and_nose() -> None:
    clip = a_clip(14, frames=1)
    body = clip.frames[0][0].body
    tilted = body.pixels(*SIZE).copy()
    tilted[[BODY.index("nose"), *HEAD]] += (16, 0)
    reference = PersonPose(body=Keypoints.from_pixels(tilted, body.score, *SIZE))
    kept = AlignSettings(head_tilt=1.0)
    places = pixels(align(clip, reference, SIZE, kept).sequence)["body"][0]
    missed = np.linalg.norm(places - tilted, axis=-1)[[BODY.index("neck"), BODY.index("nose")]]
    assert missed[0] == pytest.approx(missed[1], rel=0.05)
    assert missed.max() < 9


def test_a_profile_is_no_measure_of_shoulders() -> None:
    """Shoulders seen from the side once became five times as wide."""
    clip = a_clip(30)
    narrow = []
    for (person,) in clip.frames:
        places = person.body.pixels(*SIZE).copy()
        neck = places[BODY.index("neck"), 0]
        places[:, 0] = neck + 0.2 * (places[:, 0] - neck)
        narrow.append((PersonPose(body=Keypoints.from_pixels(places, np.ones(18), *SIZE)),))
    profile = dataclasses.replace(clip, frames=tuple(narrow))
    ratios = {r.kind: r for r in align(profile, clip.frames[0][0], SIZE).ratios}
    assert not ratios["shoulders"].measured
    assert ratios["shoulders"].ratio == pytest.approx(ratios["whole"].ratio, rel=0.1)


def test_close_ups_stay_in_place_by_default() -> None:
    reference = close_up_of(a_clip(15, frames=1).frames[0][0])
    clip = a_walk(14, 20)
    neck = pixels(align(clip, reference, SIZE, AlignSettings(keep_inside=False)).sequence)["body"]
    np.testing.assert_allclose(neck[:, 1], neck[:1, 1].repeat(60, axis=0), atol=0.1)


def test_a_hand_may_leave_the_picture_and_the_face_stays_where_it_is() -> None:
    """A wrist below the edge of a half-length picture once lifted the whole person."""
    clip = a_clip(14, frames=1)
    reference = close_up_of(a_clip(14, frames=1).frames[0][0], 2.2)
    aligned = pixels(align(clip, reference, SIZE).sequence)["body"][0]
    assert aligned.max() > 1024
    shown = [BODY.index(joint) for joint in ("neck", "left_shoulder", "right_shoulder")]
    np.testing.assert_allclose(
        aligned[shown], reference.body.pixels(*SIZE)[shown], atol=0.01 * SIZE[1]
    )


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
        ({"strength": 1.1}, "strength must be a number in 0..1, got 1.1"),
        ({"anchor": "nose"}, "anchor must be one of auto, neck"),
        ({"walk": 1.5}, "walk must be a number in 0..1"),
        ({"anchor_frame": -1}, "anchor_frame must be a whole number of 0 or more, got -1"),
        ({"limit": 0.5}, "limit must be a number in 1..10"),
        ({"score_threshold": -1}, "score_threshold must be a number in 0..1"),
    ],
)
def test_impossible_settings_are_refused(chosen: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        AlignSettings(**chosen)


def test_hands_named_by_the_other_side_are_aligned_at_their_own_wrists() -> None:
    clip = a_clip(4)
    crossed = dataclasses.replace(
        clip,
        frames=tuple(
            (dataclasses.replace(p, left_hand=p.right_hand, right_hand=p.left_hand),)
            for (p,) in clip.frames
        ),
    )
    reference = moved(a_clip(8, frames=1), 1.3, (0, 0)).frames[0][0]
    assert_same(
        align(crossed, reference, SIZE, FREE).sequence, align(clip, reference, SIZE, FREE).sequence
    )
