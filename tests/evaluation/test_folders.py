"""Two folders of pictures, paired by name."""

import csv
import importlib.util
import json

import numpy as np
import pytest
import torch
from PIL import Image

from magicpose_core.errors import InputError
from magicpose_core.evaluation.bootstrap import interval, over_clips
from magicpose_core.evaluation.clip_figures import COPIED, RESULT, TRUTH, FrameMetrics, clip_on_disk
from magicpose_core.evaluation.folder_report import Instruments, SetMetric, measure_folder
from magicpose_core.evaluation.folders import clips_of, match_folders
from magicpose_core.evaluation.published import SHIPPED, PublishedRow, read_published
from magicpose_core.evaluation.report import markdown_table
from magicpose_core.evaluation.table import report_files, to_latex, to_markdown, write_tables
from magicpose_core.images import read_image, write_image


@pytest.fixture
def folders(tmp_path):
    generator = torch.Generator().manual_seed(0)
    for name in ("a/0", "a/1", "b/0"):
        truth = torch.rand((3, 16, 16), generator=generator) * 0.8
        write_image(tmp_path / "truth" / f"{name}.png", truth)
        write_image(tmp_path / "result" / f"{name}.png", truth + 0.1)
    return tmp_path / "result", tmp_path / "truth"


def overall(matched, **more):
    report = measure_folder(matched, Instruments(), **more)
    return {name: found.mean for name, found in report.overall()[RESULT].items()}


def test_pairs_are_measured_by_name_in_sub_folders(folders):
    figures = overall(match_folders(*folders))
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
    before = overall(match_folders(*folders))
    write_image(tmp_path / "result" / "a" / "stranger.png", torch.zeros(3, 16, 16))
    matched = match_folders(*folders, partial=True)
    assert str(matched) == "3 pairs; 1 results without a true frame (a/stranger)"
    assert overall(matched) == before


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
        overall(match_folders(*folders))


def test_true_frames_of_other_sizes_are_fitted_where_that_is_asked_for(folders):
    write_image(folders[1] / "a" / "0.png", torch.full((3, 32, 48), 0.5))
    write_image(folders[0] / "a" / "0.png", torch.full((3, 16, 16), 0.5))
    matched = match_folders(*folders)
    with pytest.raises(InputError, match="48 x 32; set fit"):
        overall(matched)
    report = measure_folder(matched, Instruments(), fit="crop")
    assert report.clips[RESULT]["a"]["mean_absolute_error"] == pytest.approx(0.05, abs=0.002)


def test_a_reference_has_no_result_and_is_not_missed(folders):
    (folders[0] / "a" / "0.png").unlink()
    with pytest.raises(InputError, match="true frames without a result"):
        match_folders(*folders)
    record = {"fingerprint": "", "conditions": {}, "settings": {}, "inputs": {}, "frames": ["1"]}
    text = json.dumps(record | {"reference_frame": "0"})
    (folders[0] / "a.json").write_text(text)
    assert str(match_folders(*folders)) == "2 pairs; 1 true frames are references"


def test_clips_are_the_sub_folders(folders):
    clips = clips_of(match_folders(*folders))
    assert {name: len(pairs) for name, pairs in clips.items()} == {"a": 2, "b": 1}


def test_controls_stand_beside_the_results(folders):
    report = measure_folder(match_folders(*folders), Instruments())
    first = report.clips[COPIED]["a"]
    assert first["tpsnr"] < report.clips[RESULT]["a"]["tpsnr"] < report.clips[TRUTH]["a"]["tpsnr"]
    assert report.clips[TRUTH]["a"]["tpsnr"] == float("inf")
    assert "warp_error" in report.clips[TRUTH]["a"]
    assert report.left_out["warp_error, tpsnr of b"] == "needs 2 frames"


def test_what_cannot_be_measured_of_a_set_is_left_out_with_its_reason(folders):
    def too_few(clips):
        raise InputError("needs two pieces of 16 frames, there is 0")

    instruments = Instruments(of_sets=[SetMetric(names="fvd", measure=too_few)])
    report = measure_folder(match_folders(*folders), instruments)
    assert report.left_out["fvd"] == "needs two pieces of 16 frames, there is 0"
    assert "- not measured: fvd (needs two pieces of 16 frames" in to_markdown(report)


def test_a_frame_is_looked_at_once_and_compared_in_both_rows(folders):
    looked = []

    def look(frame):
        looked.append(frame)
        return float(frame.mean())

    metrics = FrameMetrics(
        names=("above",), look=look, compare=lambda ours, true: {"above": ours - true}
    )
    report = measure_folder(match_folders(*folders), Instruments(of_frames=[metrics]))
    assert len(looked) == 2 * 3
    assert report.clips[RESULT]["b"]["above"] == pytest.approx(25.5, abs=0.5)
    assert report.clips[COPIED]["a"]["above"] == looked[1].mean() - looked[3].mean()


def test_a_copied_frame_is_not_compared_with_itself(folders):
    report = measure_folder(match_folders(*folders), Instruments())
    assert np.isfinite(report.clips[COPIED]["a"]["psnr"])
    assert "psnr" not in report.clips[COPIED]["b"]  # of one frame


def test_what_is_found_in_no_frame_is_left_out_by_name(folders):
    faces = FrameMetrics(
        names=("face_distance", "faces_found"),
        look=lambda frame: None,
        compare=lambda ours, true: {"faces_found": 0.0},
    )
    report = measure_folder(match_folders(*folders), Instruments(of_frames=[faces]))
    assert report.left_out["face_distance"] == "nothing is found in any pair of frames"


def test_what_needs_scikit_image_is_left_out_by_name_without_it(folders, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "skimage" else find(name)
    )
    report = measure_folder(match_folders(*folders), Instruments())
    assert "scikit-image" in report.left_out["disco_ssim"]
    assert "disco_ssim" not in report.clips[RESULT]["a"]
    assert "disco_psnr" in report.clips[RESULT]["a"]


def test_intervals_hold_the_mean_and_shrink_with_more_clips():
    few, many = interval([1.0, 2.0, 3.0, 4.0]), interval([1.0, 2.0, 3.0, 4.0] * 25)
    for found in (few, many):
        assert found.mean == 2.5
        assert found.low < 2.5 < found.high
    # the mean of 100 draws of deviation sqrt(1.25) spreads by sqrt(1.25 / 100)
    assert many.high - many.low == pytest.approx(2 * 1.96 * np.sqrt(1.25 / 100), rel=0.1)
    assert interval([1.0]).low is None
    assert interval([1.0, float("inf")]).mean == float("inf")


def test_a_clip_that_lacks_a_metric_does_not_count_for_it():
    found = over_clips({"a": {"psnr": 1.0, "flicker": 3.0}, "b": {"psnr": 3.0}})
    assert (found["psnr"].mean, found["psnr"].clips) == (2.0, 2)
    assert (found["flicker"].mean, found["flicker"].clips) == (3.0, 1)


def test_every_form_of_the_table_is_written_and_says_the_same(folders, tmp_path):
    published = [PublishedRow("Theirs", "their paper, table 1", {"disco_psnr": 29.5})]
    report = measure_folder(match_folders(*folders), Instruments(), published=published)
    write_tables(tmp_path / "out", report)
    files = report_files(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in files.values()
    )
    kept = json.loads(files["json"].read_text())
    psnr = kept["overall"][RESULT]["psnr"]["mean"]
    rows = list(csv.DictReader(files["csv"].open()))
    (row,) = [r for r in rows if (r["row"], r["clip"], r["metric"]) == (RESULT, "", "psnr")]
    assert float(row["value"]) == psnr
    assert kept["overall"][TRUTH]["tpsnr"]["mean"] == "inf"
    markdown = files["md"].read_text()
    assert "2 clips, 3 frames" in markdown
    assert f"| result | {psnr:.4g} [" in markdown
    assert "| Theirs (their paper, table 1) | 29.5 |" in markdown
    assert "is no measurement" in markdown
    assert "\\toprule" in files["tex"].read_text()
    assert read_image(files["png"]).shape[1] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[row]]\nmethod = "a"\nmetrics = {fid = 1.0}', "row 1: method and source must be given"),
        ('[[row]]\nmethod = "a"\nsource = "b"\nmetrics = {fid = "1"}', "table of numbers"),
        ("row = 1", r"has no \[\[row\]\]"),
        ("[[", "cannot be read as TOML"),
    ],
)
def test_a_published_row_without_a_source_is_refused(tmp_path, text, message):
    (tmp_path / "rows.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_published(tmp_path / "rows.toml")


def test_a_published_row_is_read(tmp_path):
    (tmp_path / "rows.toml").write_text(
        '[[row]]\nmethod = "a"\nsource = "b"\nmetrics = {fid = 1, disco_psnr = 2.5}'
    )
    assert read_published(tmp_path / "rows.toml") == [
        PublishedRow("a", "b", {"fid": 1.0, "disco_psnr": 2.5})
    ]


def test_rows_that_are_shipped_name_their_sources_and_stand_in_every_table(folders):
    rows = read_published(SHIPPED["tiktok"])
    methods = " ".join(row.method for row in rows)
    assert all(name in methods for name in ("MagicPose", "DisCo", "MagicAnimate", "Animate Anyone"))
    assert all("table 1" in row.source for row in rows)
    report = measure_folder(match_folders(*folders), Instruments(), published=rows)
    for written in (to_markdown(report), to_latex(report)):
        assert "46.3" in written  # FID-VID, which is not measured here under that name
        assert "is no measurement" in written
        assert all(row.source in written for row in rows)


def test_table_shows_shares_as_per_cent():
    table = markdown_table({"model": {"psnr": 18.25, "pose_retrieval": 0.953125}})
    assert "| model | 18.25 | 95.3 % |" in table
    assert np.all([line.count("|") == 4 for line in table.splitlines()])


def test_true_frames_have_the_size_of_results_as_they_are_read(tmp_path):
    """A result that lies on its side in its file, and one that is no picture."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (32, 16)).save(tmp_path / "result.png", exif=exif)
    Image.new("RGB", (16, 32)).save(tmp_path / "truth.png")
    pair = (tmp_path / "result.png", tmp_path / "truth.png")
    (truth,) = clip_on_disk("a", [pair]).truths()
    assert truth.shape == (32, 16, 3)
    pair[0].write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(InputError, match=r"result\.png cannot be read as a picture"):
        next(clip_on_disk("a", [pair]).truths())
