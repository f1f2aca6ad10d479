"""Bodies that are found in parts of a frame: who is one person, and who are two."""

from __future__ import annotations

import numpy as np

from magicpose_core.pose.detectors.mediapipe_bodies import add_body, same_body

SIZE = (1000, 1000)
WHOLE, RIGHT = (0, 1000), (400, 1000)
MIRROR = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33))]


def a_body(x: float, width: float = 0.15, height: float = 0.7) -> np.ndarray:
    """33 landmarks that fill a box whose left edge is at ``x``."""
    spread = np.random.default_rng(3).uniform(0, 1, (33, 2))
    spread[[0, 12], 0], spread[[2, 20], 1] = (0, 1), (0, 1)
    return np.c_[spread * (width, height) + (x, 0.1), np.ones(33)]


def found(*bodies: tuple[np.ndarray, tuple[int, int]]) -> int:
    people: list[list[list[float]]] = []
    for body, part in bodies:
        add_body(people, body.tolist(), SIZE, part)
    return len(people)


def test_a_body_seen_in_two_parts_is_one_person() -> None:
    assert found((a_body(0.5), WHOLE), (a_body(0.51), RIGHT)) == 1


def test_a_back_taken_for_a_front_is_the_same_person() -> None:
    assert same_body(a_body(0.2).tolist(), a_body(0.2)[MIRROR].tolist(), SIZE)


def test_one_head_is_one_person_whatever_its_arms() -> None:
    again = a_body(0.2)
    again[11:, 0] += 0.2
    assert found((a_body(0.2), WHOLE), (again, WHOLE)) == 1


def test_who_is_cut_off_by_a_part_is_no_second_person() -> None:
    """A runner at the edge of the right part, found there again with a body of half the size."""
    again = a_body(0.38, width=0.1, height=0.35)
    assert not same_body(again.tolist(), a_body(0.3).tolist(), SIZE)
    assert found((a_body(0.3), WHOLE), (again, RIGHT)) == 1


def test_someone_smaller_in_front_is_a_second_person() -> None:
    child = a_body(0.53, width=0.08, height=0.3)
    assert found((a_body(0.5), WHOLE), (child, RIGHT)) == 2


def test_two_people_side_by_side_are_two() -> None:
    assert found((a_body(0.1), WHOLE), (a_body(0.3), WHOLE)) == 2
