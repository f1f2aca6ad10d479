"""``magicpose demo``, as short as it can be."""

from __future__ import annotations

import pytest

from magicpose_core.cli.__main__ import main
from magicpose_core.demo.model import DEMO_CHECKPOINT
from magicpose_core.images import read_image

SHORT = ("--frames", "2", "--steps", "1")


def test_a_clip_is_rendered_from_files_and_says_what_weights_it_has(tmp_path, capsys):
    out = tmp_path / "demo"
    for folder in (out, tmp_path / "demo-2"):  # the second leaves the first as it is
        assert main(["demo", "--out", str(out), *SHORT]) == 0
        told = capsys.readouterr().out
        assert f"clip:              {folder / 'clip.mp4'}" in told
        assert ("weights are RANDOM" in told) != DEMO_CHECKPOINT.is_file()
        assert len(list((folder / "inputs" / "poses").iterdir())) == 2
        assert (folder / "clip.mp4").stat().st_size > 0
        assert read_image(folder / "clip.sheet.png").shape[-1] > 3 * 64


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--steps", "1000"), "1..999, got 1000"),
        (("--person", "-1"), "--person must be 0 or more"),
    ],
)
def test_bad_numbers_are_refused_before_anything_is_drawn(tmp_path, capsys, words, text):
    assert main(["demo", "--out", str(tmp_path / "demo"), *words]) == 2
    assert text in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
