"""Frames that were refused for training, against people counted by eye."""

from __future__ import annotations

import logging

from magicpose_core.evaluation import crowd_benchmark
from magicpose_core.evaluation.crowd_benchmark import Counted, Refusals, read_counts, refuse, report
from magicpose_core.pose.detectors.settings import DetectorSettings

CLIP = Counted(name="street", file=None, stride=50, people=(1, 2, 0, 1, 3))


def test_frames_are_wrong_that_show_one_person_and_are_refused_or_another_number_and_are_kept():
    seen = Refusals(clip=CLIP, reasons={0: "several people", 1: "several people", 4: "nobody"})
    assert seen.refused_wrongly == [0]
    assert seen.kept_wrongly == [2]
    told = report([seen])
    assert "    100: 0 people, kept" in told
    assert "    0: 1 person, several people" in told
    assert (
        "3 frames that do not show one person, of which 1 are kept; 2 that do, of which 1 " in told
    )


def test_the_list_counts_people_in_every_frame_and_names_absent_files(tmp_path, caplog):
    (tmp_path / "bus.jpg").touch()
    with caplog.at_level(logging.WARNING, "magicpose"):
        (bus,) = read_counts(tmp_path)
    assert (bus.name, bus.stride, bus.people) == ("bus", 1, (4,))
    assert "left out, since their files are absent: pedestrians, multi_1" in caplog.text


def test_refusals_are_read_by_their_number_among_the_frames_that_are_looked_at(
    tmp_path, monkeypatch
):
    def export(job):
        assert job.span.stride == CLIP.stride
        job.notes.mkdir(parents=True)
        (job.notes / "street.csv").write_text("frame,reason\n50,several people\n200,nobody\n")

    monkeypatch.setattr(crowd_benchmark, "export_subject", export)
    found = refuse(CLIP, tmp_path, DetectorSettings())
    assert found.reasons == {1: "several people", 4: "nobody"}
