"""Who a dancer is."""

from dataclasses import asdict

import numpy as np
import pytest

from magicpose_core.data.dancers.person import draw_dancer, swap_colours


def test_a_number_is_the_same_person_for_ever():
    assert draw_dancer(5) == draw_dancer(5)
    assert draw_dancer(5).outfit.top == (216, 86, 184)


def test_numbers_and_splits_are_other_people():
    people = [draw_dancer(index, split) for split in ("train", "heldout") for index in range(200)]
    assert len(set(people)) == 400


@pytest.mark.parametrize("index", range(20))
def test_lengths_add_up_to_one_body(index):
    body = draw_dancer(index).body
    soles = 0.03
    total = body.head + body.neck + body.torso + body.thigh + body.shin + soles
    assert total == pytest.approx(1.0)
    assert 0.7 < body.height < 0.95


def test_every_kind_of_clothing_and_place_comes_up():
    people = [draw_dancer(index) for index in range(300)]
    assert len({dancer.outfit.pattern for dancer in people}) == 7
    assert len({dancer.outfit.sleeves for dancer in people}) == 3
    assert len({dancer.outfit.bottom_kind for dancer in people}) == 3
    assert len({dancer.face.hair_style for dancer in people}) == 7
    assert {dancer.place.kind for dancer in people} == {"gradient", "horizon"}


def test_one_dancer_in_eight_is_chibi_and_any_can_be_drawn_so():
    heads = [draw_dancer(index).body.head for index in range(400)]
    assert 0.08 < np.mean([head > 0.3 for head in heads]) < 0.18
    for index in range(10):
        usual, chibi = (draw_dancer(index, build=build) for build in ("usual", "chibi"))
        assert usual.body.head < 0.3 < 0.35 < chibi.body.head
        assert (usual.face, usual.outfit, usual.place) == (chibi.face, chibi.outfit, chibi.place)
        assert draw_dancer(index) in (usual, chibi)


def test_the_pattern_stands_out_from_its_cloth():
    for index in range(50):
        outfit = draw_dancer(index).outfit
        difference = sum(abs(a - b) for a, b in zip(outfit.top, outfit.accent, strict=True))
        assert difference > 150


def test_swapped_colours_are_the_same_colours_elsewhere():
    dancer = draw_dancer(3, "heldout")
    rng = np.random.default_rng(0)
    garments = ("top", "accent", "bottom", "shoes")
    for _ in range(20):
        other = swap_colours(dancer, rng)
        mine, theirs = asdict(dancer.outfit), asdict(other.outfit)
        assert sorted(mine[name] for name in garments) == sorted(theirs[name] for name in garments)
        assert (mine["top"], mine["bottom"]) != (theirs["top"], theirs["bottom"])
        assert other.place == dancer.place
        assert other.body == dancer.body
