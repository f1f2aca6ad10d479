"""What is measured of faces."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from magicpose_core.data.dancers.clips import Scene, free_scene
from magicpose_core.data.dancers.expression import EXPRESSIONS, with_expression
from magicpose_core.data.dancers.person import change_face
from magicpose_core.evaluation.faces import (
    CANDIDATES,
    Choice,
    expression_choice,
    face_psnr,
    identity_choice,
    named_expression,
    trait_choices,
)

SIZE = 128


@pytest.fixture(scope="module")
def scene() -> Scene:
    drawn = free_scene(0, 1, "heldout", "waist")
    posture = drawn.posture._replace(turn=0.0, right_arm=0.3, left_arm=0.3)
    return replace(drawn, posture=with_expression(posture, EXPRESSIONS["smile"]))


def test_there_are_sixteen_different_faces_of_each_kind(scene):
    for choice in (expression_choice(scene, SIZE), identity_choice(scene, 0, SIZE)):
        faces = [picture[choice.region] for picture in choice.pictures]
        assert len(faces) == CANDIDATES
        assert len({face.tobytes() for face in faces}) == CANDIDATES


def test_a_blurred_truth_finds_its_expression_and_its_face(scene):
    blurred = cv2.GaussianBlur(scene.picture(SIZE), (0, 0), 1.0)
    assert expression_choice(scene, SIZE).is_right(blurred)
    assert identity_choice(scene, 0, SIZE).is_right(blurred)


def test_another_expression_is_not_taken_for_the_right_one(scene):
    choice = expression_choice(scene, SIZE)
    assert not any(choice.is_right(picture) for picture in choice.pictures[1:])


def test_other_faces_wear_the_same_clothes(scene):
    choice = identity_choice(scene, 0, SIZE)
    below = choice.region[0].stop + 24
    rows = [picture[below:] for picture in choice.pictures]
    changed = [np.abs(row.astype(int) - rows[0]).max(axis=2) > 60 for row in rows[1:]]
    assert np.median([change.mean() for change in changed]) < 0.35
    other = change_face(scene.dancer, np.random.default_rng(0))
    assert (other.outfit, other.body, other.place) == (
        scene.dancer.outfit,
        scene.dancer.body,
        scene.dancer.place,
    )


def test_what_lies_outside_of_the_face_does_not_count(scene):
    choice = expression_choice(scene, SIZE)
    ruined = np.zeros((SIZE, SIZE, 3), np.uint8)
    ruined[choice.region] = choice.pictures[0][choice.region]
    assert choice.is_right(ruined)
    assert face_psnr(ruined, choice.pictures[0], choice.region) == 100


def test_a_trait_is_kept_by_its_own_kind_alone(scene):
    choices = trait_choices(scene, SIZE)
    assert {"hair", "glasses", "pattern"} <= set(choices)
    for choice in choices.values():
        assert choice.is_right(choice.pictures[0])
        assert not choice.is_right(choice.pictures[1])


def test_a_beard_is_asked_of_those_alone_who_may_wear_one(scene):
    def traits(style: str) -> set[str]:
        face = replace(scene.dancer.face, hair_style=style)
        return set(trait_choices(replace(scene, dancer=replace(scene.dancer, face=face)), SIZE))

    assert "beard" in traits("short")
    assert "beard" not in traits("long")


def test_the_noise_of_a_face_is_its_closed_form():
    truth = np.full((8, 8, 3), 100, np.uint8)
    result = truth.copy()
    result[2:4] += 51
    box = (slice(2, 6), slice(0, 8))
    assert face_psnr(result, truth, box) == pytest.approx(-10 * np.log10(0.2**2 / 2))


def test_all_names_come_in_turn():
    assert {named_expression(index) for index in range(32)} == set(EXPRESSIONS.values())


def test_the_nearest_is_told_in_the_region_alone():
    first, second = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 200, np.uint8)
    region = np.zeros((4, 4), bool)
    region[0, 0] = True
    result = second.copy()
    result[0, 0] = 10
    assert Choice(pictures=[first, second], region=region).is_right(result)
