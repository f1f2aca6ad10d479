from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.pose.formats.openpose_frames import from_pose_keypoints
from magicpose_core.pose.formats.openpose_json import (
    AUX_DWPOSE,
    AUX_OPENPOSE,
    COMPLETE,
    CORE_SDPOSE,
    Dialect,
    to_cmu_people,
    to_pose_keypoints,
)
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import PARTS

from ..conftest import random_person

MakePerson = Callable[..., PersonPose]


@st.composite
def sequences(draw: st.DrawFn) -> PoseSequence:
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    crowd = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    missing = draw(st.sampled_from([0.0, 0.3, 0.9]))
    return PoseSequence(
        frames=tuple(tuple(random_person(generator, missing) for _ in range(n)) for n in crowd),
        width=draw(st.integers(64, 4096)),
        height=draw(st.integers(64, 4096)),
        fps=draw(st.sampled_from([24.0, 29.97, 30.0])),
    )


def through_json(value: object) -> object:
    return json.loads(json.dumps(value))


def binary(points: Keypoints) -> Keypoints:
    return Keypoints(points.xy, points.score > 0)


def held_by(sequence: PoseSequence, dialect: Dialect) -> PoseSequence:
    """What a dialect can hold of a sequence."""

    def held(person: PersonPose) -> PersonPose:
        parts = dict(person.parts())
        if not dialect.feet:
            parts.pop("feet", None)
        if dialect.zeros_for_absent:
            parts = {part: parts.get(part, Keypoints.absent(len(PARTS[part]))) for part in PARTS}
        if dialect.binary_scores:
            parts = {part: binary(points) for part, points in parts.items()}
        return PersonPose(**parts)

    return PoseSequence(
        frames=tuple(tuple(map(held, people)) for people in sequence.frames),
        width=sequence.width,
        height=sequence.height,
        fps=sequence.fps,
    )


@pytest.mark.parametrize("dialect", [COMPLETE, AUX_DWPOSE, AUX_OPENPOSE, CORE_SDPOSE])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(sequence=sequences())
def test_round_trip_is_exact(dialect: Dialect, sequence: PoseSequence) -> None:
    written = through_json(to_pose_keypoints(sequence, dialect))
    read = from_pose_keypoints(written, fps=sequence.fps)
    assert read == held_by(sequence, dialect)
    assert through_json(to_pose_keypoints(read, dialect)) == written


@settings(max_examples=30, deadline=None, derandomize=True)
@given(sequence=sequences())
def test_cmu_round_trip_is_exact(sequence: PoseSequence) -> None:
    size = (sequence.width, sequence.height)
    written = [to_cmu_people(people, *size) for people in sequence.frames]
    read = from_pose_keypoints(through_json(written), size=size, fps=sequence.fps)
    assert read == sequence


def test_whole_pixels_stay_whole_numbers() -> None:
    frame = {
        "people": [{"pose_keypoints_2d": [float(v) for v in (123, 77, 1) * 18]}],
        "canvas_width": 540,
        "canvas_height": 963,
    }
    again = to_pose_keypoints(from_pose_keypoints(frame))[0]
    assert again["people"][0]["pose_keypoints_2d"] == [123.0, 77.0, 1.0] * 18


def test_body_25_gives_its_18_points_and_its_feet() -> None:
    points = [number for index in range(25) for number in (index * 10.0, index * 10.0 + 5, 0.9)]
    frame = {"people": [{"pose_keypoints_2d": points}]}
    person = from_pose_keypoints(frame, size=(250, 250)).frames[0][0]
    assert person.feet is not None
    np.testing.assert_allclose(person.body.xy[:8, 0] * 250, np.arange(8) * 10, atol=1e-3)
    np.testing.assert_allclose(person.body.xy[8:, 0] * 250, np.arange(9, 19) * 10, atol=1e-3)
    np.testing.assert_allclose(person.feet.xy[:, 0] * 250, np.arange(19, 25) * 10, atol=1e-3)


def test_cmu_middle_of_the_hips_lies_between_them(make_person: MakePerson) -> None:
    person = make_person(np.random.default_rng(4), missing=0.0)
    body = to_cmu_people([person], 100, 100)["people"][0]["pose_keypoints_2d"]
    right, middle, left = (np.array(body[3 * i : 3 * i + 2]) for i in (9, 8, 12))
    np.testing.assert_allclose(middle, (right + left) / 2, atol=1e-3)


def test_openpose_of_controlnet_aux_marks_missing_hand_points_by_minus_one() -> None:
    hand = [0.5, 0.5, 1.0] * 20 + [-1 / 512, -1 / 512, 1.0]
    frame = {
        "people": [{"pose_keypoints_2d": [0.5, 0.5, 1.0] * 18, "hand_left_keypoints_2d": hand}],
        "canvas_width": 512,
        "canvas_height": 512,
    }
    left = from_pose_keypoints(frame).frames[0][0].left_hand
    assert left is not None
    assert left.score.tolist() == [1.0] * 20 + [0.0]


def test_empty_frames_and_absent_parts_are_read() -> None:
    frames = [
        {"people": [], "canvas_width": 8, "canvas_height": 9},
        {
            "people": [{"pose_keypoints_2d": [1.0, 2.0, 1.0] * 18, "face_keypoints_2d": None}],
            "canvas_width": 8,
            "canvas_height": 9,
        },
    ]
    sequence = from_pose_keypoints(frames)
    assert (sequence.width, sequence.height) == (8, 9)
    assert sequence.frames[0] == ()
    assert sequence.frames[1][0].face is None


def test_faces_of_68_points_have_absent_pupils() -> None:
    person = {"pose_keypoints_2d": [9.0, 9.0, 1.0] * 18, "face_keypoints_2d": [9.0, 9.0, 1.0] * 68}
    face = from_pose_keypoints({"people": [person]}, size=(64, 64)).frames[0][0].face
    assert face is not None
    assert face.score[66:].tolist() == [1, 1, 0, 0]


BODY = [3.0, 3.0, 1.0] * 18
SIZE = {"canvas_width": 64, "canvas_height": 64}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"version": "ap10k", "animals": [[]]}, "frame 0 holds animals"),
        ([{"people": [], **SIZE}, {"animals": []}], "frame 1 holds animals"),
        ({"bodies": 3}, r"no list of people but \['bodies'\]"),
        (7, "must be an object with people, got int"),
        ([], "no frames"),
        ({"people": [3], **SIZE}, "frame 0, person 0 must be an object"),
        ({"people": [{"pose_keypoints_2d": BODY[:-1]}], **SIZE}, "in threes, got 53"),
        ({"people": [{"pose_keypoints_2d": BODY[:-3]}], **SIZE}, "read them as COCO"),
        ({"people": [{"pose_keypoints_2d": ["a"] * 54}], **SIZE}, "list of numbers"),
        ({"people": [{"pose_keypoints_2d": [float("nan")] * 54}], **SIZE}, "finite"),
        (
            {"people": [{"pose_keypoints_2d": BODY, "face_keypoints_2d": BODY}], **SIZE},
            "face_keypoints_2d must have 70",
        ),
        ({"people": [{"pose_keypoints_2d": BODY}]}, "set frame_size to that"),
        (
            [{"people": [], **SIZE}, {"people": [], "canvas_width": 8, "canvas_height": 8}],
            "one size",
        ),
    ],
)
def test_other_formats_are_refused_by_name(value: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        from_pose_keypoints(value)
