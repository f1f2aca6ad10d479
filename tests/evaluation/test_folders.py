"""Two folders of pictures, paired by name."""

import numpy as np
import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.evaluation.folders import evaluate_folders, match_folders
from magicpose_core.evaluation.report import markdown_table
from magicpose_core.images import write_image


@pytest.fixture
def folders(tmp_path):
    generator = torch.Generator().manual_seed(0)
    for name in ("a/0", "a/1", "b/0"):
        truth = torch.rand((3, 16, 16), generator=generator) * 0.8
        write_image(tmp_path / "truth" / f"{name}.png", truth)
        write_image(tmp_path / "result" / f"{name}.png", truth + 0.1)
    return tmp_path / "result", tmp_path / "truth"


def test_pairs_are_measured_by_name_in_sub_folders(folders):
    figures = evaluate_folders(match_folders(*folders))
    assert figures["psnr"] == pytest.approx(20.0, abs=0.2)
    assert figures["mean_absolute_error"] == pytest.approx(0.1, abs=0.002)
    assert figures["disco_l1"] == pytest.approx(255 * figures["mean_absolute_error"] / 256)


def test_pictures_without_a_partner_are_refused_and_counted(folders, tmp_path):
    write_image(tmp_path / "result" / "a" / "stranger.png", torch.zeros(3, 16, 16))
    (tmp_path / "result" / "b" / "0.png").unlink()
    text = r"2 pairs; 1 results without a true frame \(a/stranger\); .*without a result \(b/0\)"
    with pytest.raises(InputError, match=text):
        match_folders(*folders)


def test_the_pairs_that_there_are_can_be_asked_for(folders, tmp_path):
    before = evaluate_folders(match_folders(*folders))
    write_image(tmp_path / "result" / "a" / "stranger.png", torch.zeros(3, 16, 16))
    matched = match_folders(*folders, partial=True)
    assert str(matched) == "3 pairs; 1 results without a true frame (a/stranger)"
    assert evaluate_folders(matched) == before


def test_two_pictures_of_one_name_are_refused(folders):
    write_image(folders[0] / "a" / "0.jpg", torch.zeros(3, 16, 16))
    with pytest.raises(InputError, match=r"0\.jpg and .*0\.png have one name"):
        match_folders(*folders)


def test_folders_without_common_names_are_refused(folders, tmp_path):
    write_image(tmp_path / "other" / "x.png", torch.zeros(3, 16, 16))
    with pytest.raises(InputError, match="has the name of one in"):
        match_folders(tmp_path / "other", folders[1])


def test_pairs_of_other_sizes_are_refused(folders):
    write_image(folders[0] / "a" / "0.png", torch.zeros(3, 16, 24))
    with pytest.raises(InputError, match="24 x 16 pixels and"):
        evaluate_folders(match_folders(*folders))


def test_table_shows_shares_as_per_cent():
    table = markdown_table({"model": {"psnr": 18.25, "pose_retrieval": 0.953125}})
    assert "| model | 18.25 | 95.3 % |" in table
    assert np.all([line.count("|") == 4 for line in table.splitlines()])
