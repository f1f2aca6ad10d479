"""Spans are checked when they are made."""

from __future__ import annotations

import itertools

import pytest

from magicpose_core import InputError
from magicpose_core.clip_settings import Span


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ({"stride": 0}, "stride must be a whole number of 1 or more"),
        ({"start": -1}, "start must be a whole number of 0 or more"),
        ({"start": 3, "stop": 3}, "stop must be above start, got 3 to 3"),
    ],
)
def test_impossible_spans_are_refused(span: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Span(**span)


def test_a_span_chooses_as_a_slice_does() -> None:
    span = Span(start=1, stop=8, stride=3)
    assert list(range(20))[span.places] == [1, 4, 7]


def test_numbers_beyond_all_frames_are_the_end():
    """More than a machine word counts: Python's islice refused them."""
    huge = 10**30
    assert list(itertools.islice(range(9), *_ends(Span(stop=huge, stride=huge)))) == [0]
    assert list(itertools.islice(range(9), *_ends(Span(start=huge)))) == []


def _ends(span):
    return span.places.start, span.places.stop, span.places.step
