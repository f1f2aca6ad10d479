"""``magicpose bench`` measures, says what it measured, and refuses what it cannot."""

from __future__ import annotations

import argparse
import json
import re

import pytest

from magicpose_core.cli import bench
from magicpose_core.errors import InputError


def run_bench(*words: str) -> int:
    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["bench", *words])
    return arguments.run(arguments)


def test_reports_counts_speed_and_peak(tmp_path, capsys):
    figures_file = tmp_path / "figures.json"
    small = ["--model", "micro", "--size", "64", "--frames", "2", "--repeat", "1"]
    assert run_bench(*small, "--dtype", "bf16", "fp32", "--json", str(figures_file)) == 0
    report = capsys.readouterr().out
    figures = json.loads(figures_file.read_text())
    share = figures["gflop"]["ours"] / figures["gflop"]["theirs"]
    assert f"ours counts {share:.2%} of theirs" in report
    assert 0 < share < 1
    for name in ("fp32", "bf16"):
        assert re.search(rf"{name}: theirs [\d.]+ s per frame and step, ours [\d.]+ s", report)
        assert len(figures[name]["theirs"]) == len(figures[name]["ours"]) == 1
    assert figures["fp32"]["difference"] < 1e-4
    assert figures["bf16"]["difference"] < 0.2
    expected = figures["fp32"]["theirs"][0] / figures["bf16"]["ours"][0]
    assert figures["times_faster_bf16_against_fp32"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "100"], "--size must be a multiple of 64, got 100"),
        (["--frames", "0"], "--frames must be a whole number of 1 or more"),
        (["--frames-per-batch", "0"], "--frames-per-batch must be a whole number of 1 or more"),
    ],
)
def test_refuses_sizes_and_counts_it_cannot_measure(words, message):
    with pytest.raises(InputError, match=message):
        run_bench("--model", "micro", *words)


def test_an_absent_device_is_told_before_anything_is_counted(capsys):
    with pytest.raises(InputError, match="nowhere"):
        run_bench("--device", "nowhere")
    assert capsys.readouterr().out == ""
