"""Options are what the fields of settings say, and messages of core name options."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from magicpose_core.cli.setting_options import (
    add_settings,
    given,
    in_options,
    read_settings,
    refuse_idle,
)
from magicpose_core.errors import InputError
from magicpose_core.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class Tea(Settings):
    kind: Literal["green", "black"] = setting("green", aliases={"red": "black"}, help="which")
    drawing_time: float = setting(3.0, minimum=0, maximum=10, unit="min", help="how long")
    cups: int | None = setting(None, usual=2, minimum=1, help="how many")
    sugar: bool = setting(True, help="sweet, up to 100 %")
    box: Path | None = setting(None, help="where it lies")


NAMES = {"kind": "tea_kind"}


def parse(*words):
    parser = argparse.ArgumentParser()
    add_settings(parser, Tea, names=NAMES)
    return parser.parse_args(words)


def test_options_give_only_what_is_given():
    assert given(parse(), Tea, NAMES) == {}
    words = ("--tea-kind", "red", "--drawing-time", "4", "--no-sugar", "--box", "b")
    assert read_settings(parse(*words), Tea, NAMES) == Tea(
        kind="black", drawing_time=4.0, sugar=False, box=Path("b")
    )


def test_help_says_range_unit_and_default():
    parser = argparse.ArgumentParser()
    add_settings(parser, Tea)
    text = " ".join(parser.format_help().split())
    assert "how long (0..10 min; default: 3.0)" in text
    assert "how many (1 or more; default: 2)" in text
    assert "sweet, up to 100 % (default: yes)" in text


def test_a_command_may_have_a_default_of_its_own():
    parser = argparse.ArgumentParser()
    add_settings(parser, Tea, defaults={"cups": 5})
    assert given(parser.parse_args([]), Tea) == {"cups": 5}
    assert "how many (1 or more; default: 5)" in " ".join(parser.format_help().split())


def test_a_field_left_out_is_no_option():
    parser = argparse.ArgumentParser()
    add_settings(parser, Tea, leave_out=("cups", "sugar"))
    assert "--cups" not in parser.format_help()


def test_a_value_out_of_range_is_refused_by_its_option():
    with pytest.raises(
        InputError, match=r"^--drawing-time must be a number in 0\.\.10 min, got 99"
    ):
        read_settings(parse("--drawing-time", "99"), Tea, NAMES)


def test_options_that_do_nothing_are_refused_by_name():
    arguments = parse("--no-sugar", "--cups", "3")
    with pytest.raises(
        InputError, match=r"^--cups, --no-sugar do nothing without --tea; add --tea"
    ):
        refuse_idle(arguments, ("cups", "sugar", "box"), where="without --tea")
    refuse_idle(parse(), ("cups", "sugar", "box"), where="without --tea")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("steps must be 1..50", "--steps must be 1..50"),
        ("lower frames_per_batch, or shrink it", "lower --frames-per-batch, or shrink it"),
        ("set force=True to replace it", "set --force to replace it"),
        ("the steps must end", "the steps must end"),
        ("frames_per_batch.json is absent", "frames_per_batch.json is absent"),
        ("other_word must stay", "other_word must stay"),
        ("a/frames_per_batch is a folder", "a/frames_per_batch is a folder"),
    ],
)
def test_parameters_are_told_as_options(message, told):
    known = {name: name for name in ("steps", "frames_per_batch", "force")}
    assert in_options(message, known) == told
