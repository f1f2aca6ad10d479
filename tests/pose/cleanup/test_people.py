from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.evaluation.kinematic_figures import pose, random_body, random_motion
from magicpose_core.pose.cleanup.people import choose_person
from magicpose_core.pose.cleanup.settings import PersonChoice
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import BODY


def person(x: float, size: float, score: float = 1.0) -> PersonPose:
    generator = np.random.default_rng(0)
    center = np.array([x, 0.5])
    places = center + generator.uniform(-size / 2, size / 2, (18, 2))
    return PersonPose(body=Keypoints(places.clip(0, 1), np.full(18, score)))


def clip(*frames: tuple[PersonPose, ...]) -> PoseSequence:
    return PoseSequence(frames=frames, width=400, height=400)


def chosen(sequence: PoseSequence, rule: str) -> list[PersonPose | None]:
    frames = choose_person(sequence, PersonChoice.parse(rule)).frames
    assert all(len(people) <= 1 for people in frames)
    return [people[0] if people else None for people in frames]


SMALL_LEFT, LARGE_RIGHT = person(0.2, 0.1), person(0.7, 0.4)


def test_largest_index_and_left_choose_in_each_frame() -> None:
    sequence = clip((LARGE_RIGHT, SMALL_LEFT), (SMALL_LEFT,), ())
    assert chosen(sequence, "largest") == [LARGE_RIGHT, SMALL_LEFT, None]
    assert chosen(sequence, "index:1") == [SMALL_LEFT, None, None]
    assert chosen(sequence, "left:0") == [SMALL_LEFT, SMALL_LEFT, None]
    assert chosen(sequence, "left:1") == [LARGE_RIGHT, None, None]


def test_the_tracked_person_stays_the_same_when_others_come_and_cross() -> None:
    walker = [person(x, 0.3) for x in np.linspace(0.2, 0.8, 12)]
    other = [person(x, 0.34) for x in np.linspace(0.85, 0.3, 12)]
    frames = [(walker[0],), *[(o, w) for o, w in zip(other[1:5], walker[1:5], strict=True)]]
    assert chosen(clip(*frames), "tracked") == walker[:5]


def test_the_tracked_person_may_be_away_for_a_while() -> None:
    away = [person(0.9, 0.3)] * 3
    frames = [(person(0.2, 0.3),), *[(p,) for p in away], (person(0.22, 0.3),)]
    found = chosen(clip(*frames), "tracked")
    assert found[1:4] == [None, None, None]
    assert found[4] == person(0.22, 0.3)


def test_after_half_a_second_the_nearest_person_is_followed() -> None:
    frames = [(person(0.2, 0.1),), *[(person(0.9, 0.1),)] * 20]
    found = chosen(clip(*frames), "tracked")
    assert found[1] is None
    assert found[-1] == person(0.9, 0.1)


def test_a_person_of_another_size_is_somebody_else() -> None:
    """Where one is missed, another who stands near is not followed in their place."""
    frames = [(person(0.5, 0.4),), (person(0.5, 0.15),), (person(0.5, 0.15), person(0.52, 0.4))]
    assert chosen(clip(*frames), "tracked") == [person(0.5, 0.4), None, person(0.52, 0.4)]


def test_frames_in_which_the_skeleton_mixes_two_people_show_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    generator = np.random.default_rng(0)
    motion = random_motion(generator, 3, depth=False)
    places = pose(random_body(generator, 100), motion)[:, :18] / 400 + 0.5
    places[1, BODY.index("nose")] = places[1, BODY.index("neck")] - (0, 0.09)
    clean = clip(*((PersonPose(body=Keypoints(frame, np.ones(18))),) for frame in places))
    found = chosen(clean, "tracked")
    assert found[1] is None
    assert [p is not None for p in found] == [True, False, True]
    assert "1 of 3 frames are taken as showing nobody" in caplog.text


def test_people_without_confident_points_are_not_tracked() -> None:
    assert chosen(clip((person(0.5, 0.3, score=0.1),), (LARGE_RIGHT,)), "tracked") == [
        None,
        LARGE_RIGHT,
    ]


@pytest.mark.parametrize("text", ["biggest", "index", "left:-1", "index:x", ""])
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="tracked, largest, index:N or left:N"):
        PersonChoice.parse(text)


def test_it_is_said_that_one_of_several_people_is_rendered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    choose_person(clip((LARGE_RIGHT, SMALL_LEFT), (SMALL_LEFT,)))
    assert "1 of 2 frames show several people, up to 2" in caplog.text
    assert "MagicPose renders one person" in caplog.text
    caplog.clear()
    choose_person(clip((LARGE_RIGHT, SMALL_LEFT)), PersonChoice(rule="left"))
    choose_person(clip((LARGE_RIGHT,)))
    assert caplog.text == ""
