"""Where aligned people stand, and what alignment leaves as it was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.retarget.align import AlignSettings, align
from magicpose_core.pose.retarget.body_tree import BONES, MID_HIP, NODES
from magicpose_core.pose.skeletons import BODY

from .drawn_people import FIGURES, FREE, SIZE, a_clip, assert_same, lengths, moved, pixels, seeds


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
        ({"score_threshold": -1}, "score_threshold in 0..1"),
    ],
)
def test_impossible_settings_are_refused(chosen: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        AlignSettings(**chosen)
