"""The curves on disk."""

import pytest

from magicpose_core.errors import OutputError
from magicpose_core.training.curves import Curves


def test_rows_are_written_with_a_header(tmp_path):
    curves = Curves(tmp_path, 0)
    curves.write("training", 1, {"loss": 0.5, "norm": 2.0})
    curves.write("training", 2, {"loss": 0.25, "norm": 1.0})
    curves.close()
    assert (tmp_path / "training.csv").read_text().split() == [
        "step,loss,norm",
        "1,0.5,2",
        "2,0.25,1",
    ]


def test_a_resumed_run_cuts_the_rows_behind_its_checkpoint(tmp_path):
    curves = Curves(tmp_path, 0)
    for step in range(1, 6):
        curves.write("training", step, {"loss": float(step)})
    curves.close()
    curves = Curves(tmp_path, 3)
    curves.write("training", 4, {"loss": 40.0})
    curves.close()
    rows = (tmp_path / "training.csv").read_text().split()
    assert rows == ["step,loss", "1,1", "2,2", "3,3", "4,40"]


def test_a_row_cut_short_by_a_crash_is_dropped(tmp_path):
    (tmp_path / "training.csv").write_text("step,loss\n1,0.5\n")
    with (tmp_path / "training.csv").open("a") as file:
        file.write("\n")
    Curves(tmp_path, 3).close()
    assert (tmp_path / "training.csv").read_text().split() == ["step,loss", "1,0.5"]


def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    curves = Curves(tmp_path, 0)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(OutputError, match=r"could not write .*training\.csv: No space left"):
        curves.write("training", 1, {"loss": 1.0})
