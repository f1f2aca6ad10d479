"""Hands at the wrong wrist are put back; those that cannot be hands are left out, with a count."""

from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.pose.cleanup.hands import repair_hands
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import BODY, HAND
from magicpose_core.pose.tracks import PartTrack, tracks_of

SIZE, HEIGHT = (1000, 1000), 800.0
WRISTS = {"left": np.array([700.0, 500.0]), "right": np.array([300.0, 500.0])}


def hand(at: np.ndarray, size: float = 80.0) -> Keypoints:
    """A hand of so many pixels that hangs down from a place."""
    spread = np.linspace(0, size, len(HAND))
    places = at + np.stack([spread * 0.1, spread], axis=1)
    return Keypoints.from_pixels(places, np.ones(len(HAND)), *SIZE)


def person(left: Keypoints | None, right: Keypoints | None) -> PersonPose:
    places, score = np.zeros((len(BODY), 2)), np.zeros(len(BODY))
    for side, place in WRISTS.items():
        places[BODY.index(f"{side}_wrist")] = place
        score[BODY.index(f"{side}_wrist")] = 1
    body = Keypoints.from_pixels(places, score, *SIZE)
    return PersonPose(body=body, left_hand=left, right_hand=right)


def repaired(*people: PersonPose) -> dict[str, PartTrack]:
    clip = PoseSequence(frames=tuple((p,) for p in people), width=SIZE[0], height=SIZE[1])
    return repair_hands(tracks_of(clip, SIZE), score_threshold=0.3, height=HEIGHT)


def test_good_hands_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    good = person(hand(WRISTS["left"]), hand(WRISTS["right"]))
    mended = repaired(good, person(None, None))
    assert mended["left_hand"].present.tolist() == [True, False]
    np.testing.assert_allclose(mended["left_hand"].places[0, 0], WRISTS["left"], atol=1e-3)
    assert caplog.text == ""


def test_hands_at_each_others_wrists_are_put_back(caplog: pytest.LogCaptureFixture) -> None:
    good = person(hand(WRISTS["left"]), hand(WRISTS["right"]))
    crossed = person(hand(WRISTS["right"]), hand(WRISTS["left"]))
    alone = person(hand(WRISTS["right"]), None)
    mended = repaired(good, crossed, alone)
    np.testing.assert_allclose(mended["right_hand"].places[:, 0], [WRISTS["right"]] * 3, atol=1e-3)
    assert mended["right_hand"].present.all()
    assert mended["left_hand"].present.tolist() == [True, True, False]
    assert "hands: 2 frames had them at each other's wrists" in caplog.text


def test_hands_that_cannot_be_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    far = person(hand(WRISTS["left"] + (0, -300)), hand(WRISTS["right"]))
    huge = person(hand(WRISTS["left"], 400), hand(WRISTS["right"]))
    mended = repaired(far, huge)
    assert not mended["left_hand"].present.any()
    assert not mended["left_hand"].score.any()
    assert mended["right_hand"].present.all()
    assert "2 hands begin far from their wrist or are too large" in caplog.text


def test_hands_without_a_wrist_are_believed() -> None:
    unseen = PersonPose(body=Keypoints.absent(len(BODY)), left_hand=hand(WRISTS["left"]))
    assert repaired(unseen)["left_hand"].present.all()
