"""What a face does, apart from the body."""

import numpy as np
import pytest

from magicpose_core.data.dancers.clips import free_posture
from magicpose_core.data.dancers.expression import (
    EXPRESSIONS,
    Expression,
    blend,
    draw_expression,
    expression_of,
    with_expression,
)
from magicpose_core.data.dancers.person import draw_dancer
from magicpose_core.data.dancers.render import render_dancer
from magicpose_core.data.dancers.view import draw_view

BODY_FIELDS = slice(0, 17)


def test_an_expression_changes_the_face_and_leaves_the_body():
    posture = free_posture(0, 0)
    smiling = with_expression(posture, EXPRESSIONS["smile"])
    assert smiling[BODY_FIELDS] == posture[BODY_FIELDS]
    assert expression_of(smiling) == EXPRESSIONS["smile"]


def test_drawn_expressions_stay_in_their_limits_and_use_them():
    drawn = np.array([draw_expression(np.random.default_rng(seed)) for seed in range(400)])
    low = np.array([-1, -1, 0, 0, -1, -1])
    assert (drawn >= low).all()
    assert (drawn <= 1).all()
    assert (drawn.min(axis=0) < low + 0.05).all()
    assert (drawn.max(axis=0) > 0.95).all()
    closed = drawn[:, Expression._fields.index("blink")] == 1
    assert 0.1 < closed.mean() < 0.6


def test_expressions_say_nothing_of_the_body():
    postures = np.array([free_posture(index, 0) for index in range(600)])
    correlations = np.corrcoef(postures.T)[BODY_FIELDS, 17:]
    assert np.abs(correlations).max() < 0.2


def test_a_blend_holds_each_face_and_is_a_loop():
    keys = [EXPRESSIONS["smile"], EXPRESSIONS["shout"], EXPRESSIONS["asleep"]]
    for number, key in enumerate(keys):
        assert blend(keys, (number + 0.25) / 3) == key
    assert blend(keys, 0.9) == pytest.approx(blend(keys, 1.9))
    halfway = (np.array(keys[0]) + np.array(keys[1])) / 2
    assert blend(keys, 0.75 / 3) == pytest.approx(halfway)


def test_every_two_named_faces_look_different_waist_up():
    dancer = draw_dancer(0, "heldout")
    view = draw_view(dancer.body, "waist", np.random.default_rng(0))
    posture = free_posture(0, 0, "heldout")._replace(turn=0.0)
    pictures = [
        render_dancer(dancer, with_expression(posture, face), 128, view).astype(int)
        for face in EXPRESSIONS.values()
    ]
    for number, picture in enumerate(pictures):
        for other in pictures[:number]:
            changed = np.abs(picture - other).max(axis=2) > 40
            assert changed.sum() >= 20
