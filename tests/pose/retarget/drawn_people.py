"""Whole people of drawn proportions, whom the tests of alignment move about."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from magicpose_core.evaluation.kinematic_figures import Lengths, pose, random_body, random_motion
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.retarget.align import Alignment
from magicpose_core.pose.retarget.body_tree import BONES, MID_HIP
from magicpose_core.pose.retarget.settings import AlignSettings
from magicpose_core.pose.skeletons import BODY

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
