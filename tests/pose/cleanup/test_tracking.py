"""Following one person among others: drawn people who cross, hide each other and are mixed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from magicpose_core.pose.cleanup.people import choose_person
from magicpose_core.pose.cleanup.settings import PersonChoice
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import BODY

HEAD = [BODY.index(name) for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")]
STANDING = np.random.default_rng(0).uniform(-0.5, 0.5, (18, 2))


def person(x: float, size: float = 0.3, head_at: float | None = None) -> PersonPose:
    """One who stands at ``x``, with the head of somebody at ``head_at`` if that is given."""
    places = (x, 0.5) + size * STANDING
    if head_at is not None:
        places[HEAD] += (head_at - x, 0)
    return PersonPose(body=Keypoints(places, np.ones(18)))


def followed(frames: Sequence[Sequence[PersonPose]]) -> list[PersonPose | None]:
    clip = PoseSequence(frames=tuple(map(tuple, frames)), width=400, height=400)
    chosen = choose_person(clip, PersonChoice()).frames
    return [people[0] if people else None for people in chosen]


def test_who_is_hidden_behind_another_is_not_followed_in_the_other() -> None:
    """Two walk towards each other; the followed one is hidden while they cross."""
    mine = [person(x, 0.31) for x in np.linspace(0.2, 0.8, 31)]
    other = [person(x) for x in np.linspace(0.8, 0.2, 31)]
    hidden = range(12, 19)
    frames = [
        [o] if i in hidden else [o, m] for i, (m, o) in enumerate(zip(mine, other, strict=True))
    ]
    assert followed(frames) == [None if i in hidden else m for i, m in enumerate(mine)]


def test_two_of_one_size_who_cross_at_speed_are_told_apart_by_their_motion() -> None:
    mine = [person(x, 0.301) for x in np.linspace(0.1, 0.9, 16)]
    other = [person(x) for x in np.linspace(0.9, 0.1, 16)]
    assert followed(list(zip(other, mine, strict=True))) == mine


def test_who_was_seen_beside_the_followed_one_never_takes_their_place() -> None:
    """Not even when the followed one has left for more than half a second."""
    other = person(0.75)
    found = followed([*[[person(0.3, 0.4), other]] * 5, *[[other]] * 40, [other, person(0.3, 0.4)]])
    assert found[5:45] == [None] * 40
    assert found[45] == person(0.3, 0.4)


def test_who_was_seen_beside_them_is_known_again_after_a_gap_and_a_jump() -> None:
    other, moved = person(0.75), person(0.65)
    found = followed([*[[person(0.2, 0.4), other]] * 5, [], [], *[[moved]] * 40])
    assert found[5:] == [None] * 42


def test_a_body_with_the_head_of_somebody_hidden_shows_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One comes to stand before another, and the detector takes the other's face for theirs."""
    mine = [person(x, 0.4) for x in np.linspace(0.2, 0.5, 16)]
    apart = [[m, person(0.65)] for m in mine[:8]]
    mixed = [[person(x, 0.4, head_at=0.65 + 0.1 * STANDING[0, 0])] for x in (0.5, 0.51, 0.52)]
    alone = [[m] for m in mine[8:]]
    found = followed([*apart, *alone, *mixed])
    assert found == [*mine, None, None, None]
    assert "3 of 19 frames are taken as showing nobody" in caplog.text


def test_whoever_walks_past_where_another_was_hidden_is_still_followed() -> None:
    mine = [person(x, 0.31) for x in np.linspace(0.2, 0.8, 31)]
    frames = [[m, person(0.6)] if i < 8 else [m] for i, m in enumerate(mine)]
    assert followed(frames) == mine


def test_a_second_skeleton_of_the_followed_one_does_not_take_the_first_away() -> None:
    mine = [person(x, 0.31) for x in np.linspace(0.2, 0.5, 16)]
    stray = person(0.35, 0.2)
    frames = [
        [m, m, stray] if i == 7 else [m, stray] if i == 8 else [m] for i, m in enumerate(mine)
    ]
    assert followed(frames) == mine
