"""How well poses sit on a person: what is measured, marked and said."""

from __future__ import annotations

import dataclasses
import json

import pytest

from magicpose_core.evaluation.chibi import SIZE, chibi
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.retarget.align import align
from magicpose_core.pose.retarget.fit import measure_fit

FIGURE = chibi()[0]


def clip_of(*people: PersonPose) -> PoseSequence:
    return PoseSequence(frames=tuple((p,) for p in people), width=SIZE[0], height=SIZE[1])


def changed(scale: float = 1.0, shift: tuple[float, float] = (0, 0)) -> PersonPose:
    places = FIGURE.body.pixels(*SIZE) * scale + shift
    body = Keypoints.from_pixels(places, FIGURE.body.score, *SIZE)
    return dataclasses.replace(FIGURE, body=body)


def test_a_person_measured_as_themselves_fits() -> None:
    fit = measure_fit(clip_of(FIGURE), FIGURE, SIZE, clip_of(FIGURE))
    assert (fit.neck, fit.nose, fit.shoulders, fit.first) == (0, 0, 0, 0)
    assert fit.growth == pytest.approx(0, abs=1e-4)
    assert fit.inside == 1
    assert fit.score == 100
    assert fit.explanation() == ""


def test_shifts_growth_and_heads_outside_are_measured_and_the_worst_mark_is_the_score() -> None:
    shifted = measure_fit(clip_of(FIGURE), FIGURE, SIZE, clip_of(changed(shift=(0, 96))))
    assert shifted.neck == pytest.approx(10, abs=0.01)
    assert shifted.nose == pytest.approx(10, abs=0.01)
    assert shifted.score == shifted.marks["place"] == 60
    assert "fit 60 of 100: place 60, likeness 100" in shifted.in_words()
    grown = measure_fit(clip_of(FIGURE), FIGURE, SIZE, clip_of(changed(1.3)))
    assert grown.growth == pytest.approx(30, abs=0.01)
    assert grown.marks["bones"] == 70
    outside = clip_of(FIGURE, changed(shift=(0, -320)))
    half = measure_fit(clip_of(FIGURE, FIGURE), FIGURE, SIZE, outside)
    assert half.inside == 0.5
    assert half.marks["head inside"] == 50


def test_what_is_not_seen_has_no_mark_and_is_null_in_json() -> None:
    hidden = PersonPose(body=dataclasses.replace(FIGURE.body, score=[0] * 8 + [1] * 10))
    fit = measure_fit(clip_of(hidden), FIGURE, SIZE, clip_of(hidden))
    assert "likeness" not in fit.marks
    assert json.loads(json.dumps(fit.as_dict()))["nose"] is None


def test_alignment_tells_of_people_seen_from_behind() -> None:
    places = FIGURE.body.pixels(*SIZE).copy()
    behind = places.copy()
    behind[:, 0] = SIZE[0] - places[:, 0]
    away = PersonPose(body=Keypoints.from_pixels(behind, FIGURE.body.score, *SIZE))
    alignment = align(clip_of(away), PersonPose(body=FIGURE.body), SIZE)
    assert alignment.fit.turned_away
    assert alignment.fit.shoulders < 1  # each lies where the picture has the other one
    assert any("left and right shoulder have changed places" in note for note in alignment.notes)


def test_alignment_tells_why_a_nose_is_off() -> None:
    places = FIGURE.body.pixels(*SIZE).copy()
    bowed = places.copy()
    bowed[0] = places[1] + 0.5 * (places[0] - places[1])
    clip = clip_of(
        PersonPose(body=Keypoints.from_pixels(bowed, FIGURE.body.score, *SIZE)),
        PersonPose(body=Keypoints.from_pixels(places * (1, -1) + (0, 960), [1] * 18, *SIZE)),
    )
    alignment = align(clip, PersonPose(body=FIGURE.body), SIZE)
    (told,) = [note for note in alignment.notes if "the nose lies" in note]
    assert "bowed (neck to nose is 53% of the driver's longest) in frame 0" in told
    assert told in alignment.report()
