from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.evaluation.kinematic_figures import pose, random_body, random_motion
from magicpose_core.pose.cleanup.settings import FILTERS, SmoothSettings
from magicpose_core.pose.cleanup.smooth import one_euro, savitzky_golay, smooth
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.retarget.body_tree import MID_HIP
from magicpose_core.pose.skeletons import BODY, FEET

SIZE = (1000, 1000)
FRAMES = 40


def a_clip(seed: int = 0, frames: int = FRAMES, fps: float = 30.0) -> PoseSequence:
    generator = np.random.default_rng(seed)
    motion = random_motion(generator, frames, fps, depth=False)
    places = pose(random_body(generator, 400), motion)[:, :MID_HIP] + 500
    return clip_of(places, np.ones((frames, 18)), fps)


def clip_of(places: np.ndarray, score: np.ndarray, fps: float = 30.0) -> PoseSequence:
    people = tuple(
        (PersonPose(body=Keypoints.from_pixels(p, s, *SIZE)),)
        for p, s in zip(places, score, strict=True)
    )
    return PoseSequence(frames=people, width=SIZE[0], height=SIZE[1], fps=fps)


def pixels(clip: PoseSequence) -> np.ndarray:
    return np.stack([people[0].body.pixels(*SIZE) for people in clip.frames])


def scores(clip: PoseSequence) -> np.ndarray:
    return np.stack([people[0].body.score for people in clip.frames])


@pytest.mark.parametrize("filter", FILTERS)
def test_people_who_stand_still_stay_where_they_are(filter: str) -> None:
    still = a_clip(frames=1)
    clip = dataclasses.replace(still, frames=still.frames * 12)
    np.testing.assert_allclose(
        pixels(smooth(clip, SmoothSettings(filter=filter))), pixels(clip), atol=1e-3
    )


@pytest.mark.parametrize("filter", ["savitzky-golay", "one-euro"])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(x=st.floats(-200, 200), scale=st.floats(0.4, 1.4), seed=st.integers(0, 999))
def test_smoothing_follows_place_and_size(filter: str, x: float, scale: float, seed: int) -> None:
    clip, chosen = a_clip(seed, frames=12), SmoothSettings(filter=filter)
    moved = clip_of((pixels(clip) - 500) * scale + 500 + x, scores(clip))
    expected = (pixels(smooth(clip, chosen)) - 500) * scale + 500 + x
    np.testing.assert_allclose(pixels(smooth(moved, chosen)), expected, atol=0.02)


@pytest.mark.parametrize("filter", ["savitzky-golay", "one-euro"])
def test_played_backwards_it_is_smoothed_backwards(filter: str) -> None:
    clip, chosen = a_clip(1), SmoothSettings(filter=filter)
    backwards = dataclasses.replace(clip, frames=clip.frames[::-1])
    np.testing.assert_allclose(
        pixels(smooth(backwards, chosen))[::-1], pixels(smooth(clip, chosen)), atol=1e-2
    )


def test_parabolas_pass_savitzky_golay_unchanged() -> None:
    time = np.arange(20.0)
    values = np.stack([time**2 - 3 * time, 2 * time], axis=1)
    np.testing.assert_allclose(savitzky_golay(values, 9), values, atol=1e-9)
    for short in (1, 2, 3, 4):
        np.testing.assert_allclose(savitzky_golay(values[:short], 9), values[:short], atol=1e-9)


def test_one_euro_is_the_exponential_mean_at_rest() -> None:
    step = np.zeros((30, 2))
    step[15:] = 1e-9  # too slow a movement to raise the cut-off
    share = 1 / (1 + 30 / (2 * np.pi * 2.0))
    forwards = 1 - (1 - share) ** np.arange(1, 16)
    backwards = (1 - share) ** np.arange(15, 0, -1)
    smoothed = one_euro(step, fps=30, cutoff=2.0, speed_gain=8.0)[:, 0] / 1e-9
    np.testing.assert_allclose(smoothed[15:], (forwards + 1) / 2, rtol=1e-6)
    np.testing.assert_allclose(smoothed[:15], backwards / 2, rtol=1e-6)


def test_one_euro_lets_fast_movements_through() -> None:
    line = np.arange(30.0)[:, None] * [40.0, 0.0]
    slow, fast = (one_euro(line, fps=30, cutoff=1.0, speed_gain=gain) for gain in (0, 1.0))
    assert np.abs(fast - line).max() < 0.05 * np.abs(slow - line).max()


def test_short_gaps_are_filled_as_sure_as_their_ends_and_long_ones_stay() -> None:
    clip = a_clip(2)
    score = scores(clip).copy()
    nose, wrist = BODY.index("nose"), BODY.index("left_wrist")
    score[9:12, nose] = 0
    score[8, nose], score[12, nose] = 0.9, 0.6
    score[5:30, wrist] = 0
    gaps = clip_of(pixels(clip), score)
    mended = smooth(gaps, SmoothSettings(longest_gap=0.1))
    np.testing.assert_allclose(scores(mended)[9:12, nose], 0.6)
    assert not scores(mended)[5:30, wrist].any()
    np.testing.assert_allclose(pixels(mended)[9:12, nose], pixels(clip)[9:12, nose], atol=12)
    kept = smooth(gaps, SmoothSettings(longest_gap=0.05))
    assert not scores(kept)[9:12, nose].any()


def test_frames_without_a_person_are_filled_over_short_gaps() -> None:
    clip = a_clip(3)
    gap = dataclasses.replace(clip, frames=(*clip.frames[:6], (), *clip.frames[7:]))
    assert len(smooth(gap).frames[6]) == 1
    assert smooth(gap, SmoothSettings(longest_gap=0)).frames[6] == ()


def test_single_jumps_are_taken_out_and_bridged() -> None:
    clip = a_clip(4)
    places = pixels(clip).copy()
    knee = BODY.index("left_knee")
    places[20, knee] += 300
    mended = pixels(smooth(clip_of(places, scores(clip)), SmoothSettings(filter="none")))
    np.testing.assert_allclose(mended[20, knee], pixels(clip)[20, knee], atol=10)
    others = np.delete(np.arange(18), knee)
    np.testing.assert_allclose(mended[:, others], places[:, others], atol=1e-3)
    left = pixels(smooth(clip_of(places, scores(clip)), SmoothSettings(filter="none", jump=0)))
    np.testing.assert_allclose(left[20, knee], places[20, knee], atol=1e-3)


def test_swapped_legs_are_put_back_with_their_feet() -> None:
    clip = a_clip(5)
    legs = [
        BODY.index(f"{side}_{j}") for side in ("left", "right") for j in ("hip", "knee", "ankle")
    ]
    people = []
    for frame, (person,) in enumerate(clip.frames):
        feet = Keypoints.from_pixels(np.arange(12).reshape(6, 2) * 40 + 100, np.ones(6), *SIZE)
        xy, feet_xy = person.body.xy.copy(), feet.xy.copy()
        if 10 <= frame < 14:
            xy[legs] = xy[[BODY.mirror[leg] for leg in legs]]
            feet_xy = feet_xy[list(FEET.mirror)]
        people.append(
            (PersonPose(body=Keypoints(xy, np.ones(18)), feet=Keypoints(feet_xy, np.ones(6))),)
        )
    swapped = dataclasses.replace(clip, frames=tuple(people))
    mended = smooth(swapped, SmoothSettings(filter="none", jump=0))
    np.testing.assert_allclose(pixels(mended), pixels(clip), atol=1e-3)
    assert mended.frames[11][0].feet == mended.frames[0][0].feet
    kept = smooth(swapped, SmoothSettings(filter="none", jump=0, repair_swaps=False))
    np.testing.assert_allclose(pixels(kept), pixels(swapped), atol=1e-3)


def test_swapped_arms_take_their_hands_along() -> None:
    clip = a_clip(6)
    arms = [
        BODY.index(f"{side}_{j}")
        for side in ("left", "right")
        for j in ("shoulder", "elbow", "wrist")
    ]
    hands = [Keypoints(np.full((21, 2), place), np.ones(21)) for place in (0.2, 0.8)]
    people = []
    for frame, (person,) in enumerate(clip.frames):
        crossed = frame == 15
        xy = person.body.xy.copy()
        if crossed:
            xy[arms] = xy[[BODY.mirror[arm] for arm in arms]]
        left, right = reversed(hands) if crossed else hands
        body = Keypoints(xy, np.ones(18))
        people.append((PersonPose(body=body, left_hand=left, right_hand=right),))
    chosen = SmoothSettings(filter="none", jump=0, repair_hands=False)
    mended = smooth(dataclasses.replace(clip, frames=tuple(people)), chosen)
    assert mended.frames[15][0].left_hand == hands[0]
    assert mended.frames[15][0].right_hand == hands[1]


def test_arms_that_truly_cross_are_left_alone() -> None:
    places = np.tile(pixels(a_clip(7, frames=1)), (FRAMES, 1, 1))
    wrists = [BODY.index("left_wrist"), BODY.index("right_wrist")]
    way = np.linspace(-100, 100, FRAMES)
    places[:, wrists[0], 0], places[:, wrists[1], 0] = 500 + way, 500 - way
    clip = clip_of(places, np.ones((FRAMES, 18)))
    np.testing.assert_allclose(
        pixels(smooth(clip, SmoothSettings(filter="none"))), places, atol=1e-2
    )


def test_doubtful_points_are_left_as_they_are() -> None:
    clip = a_clip(8)
    places, score = pixels(clip).copy(), scores(clip).copy()
    score[3, 0], places[3, 0] = 0.1, (1.0, 2.0)
    mended = smooth(clip_of(places, score), SmoothSettings(longest_gap=0))
    np.testing.assert_allclose(pixels(mended)[3, 0], (1, 2), atol=1e-3)
    assert scores(mended)[3, 0] == pytest.approx(0.1)


def test_settings_are_seconds_not_frames() -> None:
    slow, fast = (a_clip(9, frames=int(2 * fps), fps=fps) for fps in (15.0, 60.0))
    moved = [
        np.abs(pixels(smooth(clip)) - pixels(clip))[len(clip) // 4 : -len(clip) // 4].mean()
        for clip in (slow, fast)
    ]
    assert moved[0] == pytest.approx(moved[1], rel=1.0)


def test_clips_of_nobody_and_of_one_frame_pass() -> None:
    nobody = PoseSequence(frames=((), ()), width=10, height=10)
    assert smooth(nobody) == nobody
    np.testing.assert_allclose(
        pixels(smooth(a_clip(10, frames=1))), pixels(a_clip(10, frames=1)), atol=1e-3
    )


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"filter": "mean"}, "filter must be one of"),
        ({"window": -1.0}, "must be a number .* got"),
        ({"score_threshold": 2.0}, "score_threshold must be a number in 0..1"),
    ],
)
def test_impossible_settings_are_refused(chosen: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        SmoothSettings(**chosen)


@pytest.mark.parametrize("filter", ["savitzky-golay", "one-euro"])
def test_each_run_of_seen_frames_is_smoothed_alone(filter: str) -> None:
    """Runs of one length go through the filter together; each comes out as it would alone."""
    chosen = SmoothSettings(filter=filter, jump=0, repair_swaps=False, longest_gap=0)
    clip, generator = a_clip(2), np.random.default_rng(2)
    shown = generator.random((FRAMES, 18)) < 0.8
    shown[:, 1:14] = True  # the bones that the person is measured by
    together = pixels(smooth(clip_of(pixels(clip), shown.astype(float)), chosen))
    for point in (0, 14, 17):
        edges = np.flatnonzero(np.diff(np.r_[False, shown[:, point], False]))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            alone = shown.copy()
            alone[:, point] = False
            alone[start:stop, point] = True
            result = pixels(smooth(clip_of(pixels(clip), alone.astype(float)), chosen))
            np.testing.assert_array_equal(result[start:stop, point], together[start:stop, point])
