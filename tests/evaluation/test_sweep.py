from __future__ import annotations

import json

import pytest

from magicpose_core.cli.__main__ import main
from magicpose_core.cli.sweep import parse_variant
from magicpose_core.errors import InputError
from magicpose_core.evaluation.sweep import (
    GRID,
    PAPER,
    best_for_their_time,
    choose,
    in_words,
    misses,
    table,
    write_presets,
    write_sweep,
)
from magicpose_core.sampling.settings import SamplingSettings

VARIANTS = [{"scheduler": "euler", "steps": steps} for steps in (10, 8, 6, 5)]


def row(faster, psnr, pose=1.0, identity=1.0):
    return {
        "times_faster": faster,
        "seconds": 10 / faster,
        "psnr": psnr,
        "face_psnr": 18.0,
        "pose_retrieval": pose,
        "identity_retrieval": identity,
    }


def figures(*rows):
    return {PAPER: row(1, 24.0), **dict(zip(map(in_words, VARIANTS), rows, strict=True))}


def test_a_variant_in_words():
    assert in_words({"scheduler": "euler", "steps": 8}) == "euler 8"
    assert in_words({"scheduler": "ddim", "steps": 20, "guidance_stop": 0.5}) == (
        "ddim 20 guidance_stop=0.5"
    )


def test_the_quickest_within_the_bounds_is_chosen():
    measured = figures(row(5, 23.95), row(6, 23.92), row(8, 23.5), row(10, 23.1))
    chosen = choose(measured, VARIANTS)
    assert chosen["fast"]["steps"] == 8
    assert chosen["draft"]["steps"] == 5
    assert chosen[PAPER]["steps"] == 50
    assert misses(measured, chosen) == []


def test_of_equally_quick_ones_the_best_is_chosen():
    measured = figures(row(5, 23.95), row(7, 23.94), row(7.5, 23.92), row(7.1, 23.3))
    chosen = choose(measured, VARIANTS)
    assert chosen["fast"]["steps"] == 8
    assert chosen["draft"]["steps"] == 8


def test_what_a_graph_has_no_place_for_is_not_chosen():
    better = {"scheduler": "euler", "steps": 8, "guidance_stop": 0.75}
    measured = {
        **figures(row(5, 23.95), row(6, 23.5), row(8, 23.5), row(10, 23.1)),
        in_words(better): row(7, 24.2),
    }
    assert choose(measured, [*VARIANTS, better])["fast"] == VARIANTS[0]


def test_fast_finds_no_fewer_people_and_draft_nine_poses_in_ten_and_more():
    measured = figures(
        row(5, 23.95), row(6, 23.95, identity=0.9), row(8, 23.5, pose=0.96), row(10, 23.2, pose=0.9)
    )
    chosen = choose(measured, VARIANTS)
    assert chosen["fast"]["steps"] == 10
    assert chosen["draft"]["steps"] == 6


def test_where_nothing_meets_the_bounds_the_nearest_is_named():
    measured = figures(row(5, 23.0), row(6, 22.5), row(8, 21.0), row(10, 20.0))
    chosen = choose(measured, VARIANTS)
    assert chosen["fast"]["steps"] == 10
    first, second = misses(measured, chosen)
    assert first == (
        "nothing meets the bounds of fast (4 times faster, within 0.1 dB); the nearest is 5.0 "
        "times faster and 1.00 dB worse"
    )
    assert "draft" in second


def test_the_best_for_their_time_are_those_than_which_no_quicker_one_is_better():
    figures = {
        "slow": {"seconds": 4.0, "psnr": 23.0},
        "worse": {"seconds": 3.0, "psnr": 21.0},
        "quick": {"seconds": 1.0, "psnr": 22.0},
        "as quick": {"seconds": 1.0, "psnr": 20.0},
    }
    assert best_for_their_time(figures) == ["quick", "slow"]


def test_table_plot_and_presets_are_written(tmp_path):
    measured = figures(row(5, 23.95), row(6, 23.92), row(8, 23.5), row(10, 23.1))
    write_sweep(tmp_path, measured, {"people": 4})
    lines = (tmp_path / "sweep.md").read_text().splitlines()
    assert lines[0].startswith("|  | times faster | psnr | face psnr | pose retrieval")
    assert lines[2].startswith("| euler 5 | 10.0")
    assert lines[-1].startswith("| paper | 1.0")
    assert json.loads((tmp_path / "sweep.json").read_text())["settings"] == {"people": 4}
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    write_presets(choose(measured, VARIANTS), tmp_path / "presets.json")
    assert json.loads((tmp_path / "presets.json").read_text())["draft"] == VARIANTS[3]
    assert table(measured).count("\n") == 7


def test_the_grid_is_of_valid_settings_each_once():
    for values in GRID:
        SamplingSettings(**values).complete()
    assert len({in_words(values) for values in GRID}) == len(GRID) == 27


def test_a_variant_is_read_from_words():
    assert parse_variant("scheduler=euler, steps=8,guidance_stop=0.5") == {
        "scheduler": "euler",
        "steps": 8,
        "guidance_stop": 0.5,
    }


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("euler", "--variant is NAME=VALUE.*got 'euler'"),
        ("steps=many", "steps of --variant must be a number, got 'many'"),
        ("steps=0", r"steps must be a whole number in 1\.\.999, got 0"),
        ("noisy_reference=1", "got 'noisy_reference=1'"),
    ],
)
def test_words_that_are_no_variant_are_refused(word, said):
    with pytest.raises(InputError, match=said):
        parse_variant(word)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steps", "4"), "--steps does nothing beside --sweep"),
        (("--preset", "fast"), "--preset does nothing beside --sweep"),
        (("--partial",), "--partial does nothing beside --sweep"),
        (("--variant", "euler"), "--variant is NAME=VALUE"),
    ],
)
def test_options_that_do_nothing_or_cannot_be_are_refused(words, said, capsys):
    assert main(["evaluate", "--sweep", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_sweep_option_alone_is_refused(capsys):
    assert main(["evaluate", "--variant", "steps=4"]) == 2
    assert "--variant does nothing without --sweep" in capsys.readouterr().err


def test_a_sweep_measures_the_paper_and_each_variant(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("magicpose_core.evaluation.sweep.presets", lambda: {"paper": {"steps": 2}})
    words = ["--people", "1", "--size", "64", "--variant", "steps=1,scheduler=ddim"]
    out = ("--out", str(tmp_path), "--presets", str(tmp_path / "presets.json"))
    assert main(["evaluate", "--sweep", "--dtype", "fp32", *words, *out]) == 0
    told = capsys.readouterr().out
    assert "| paper |" in told
    assert "| ddim 1 |" in told
    assert "fast: ddim 1" in told
    measured = json.loads((tmp_path / "sweep.json").read_text())["figures"]
    assert set(measured) == {"paper", "ddim 1"}
    assert measured["paper"]["times_faster"] == 1.0
    assert json.loads((tmp_path / "presets.json").read_text())["fast"]["steps"] == 1
